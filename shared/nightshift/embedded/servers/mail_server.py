"""The mail catcher as a server of the stack: a process that runs `nightshift.embedded.servers.mail`."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.mailbox import messages
from nightshift.embedded.servers.server import Server


class MailServer(Server):
    """An SMTP server that stores each message as an .eml file in `mailbox`."""

    name = "mail"

    def __init__(self, folder: Path, *, log: Path | None = None, mailbox: Path | None = None) -> None:
        super().__init__(folder, log=log)
        self.mailbox = (mailbox or folder / "messages").absolute()
        self._host_name = f"mail-{secrets.token_hex(4)}.localhost"

    @property
    def host(self) -> str:
        """The host on which it listens."""
        return LOOPBACK

    def messages(self) -> list[Path]:
        """Return the files received so far, in order of arrival."""
        return messages(self.mailbox)

    def _command(self, ports: Sequence[int]) -> list[str | Path]:
        where: list[str | Path] = ["--dir", self.mailbox, "--port", str(ports[0]), "--name", self._host_name]
        return [sys.executable, "-m", "nightshift.embedded.servers.mail", *where]

    async def _answers(self) -> bool:
        return self._host_name in await self._greeting()

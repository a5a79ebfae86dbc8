"""The stack of one folder: broker, object store, mail catcher and database, and the processes that use them."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from nightshift.config.project import Project
from nightshift.embedded.kept_settings import kept_settings
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.folder_lock import FolderLock
from nightshift.embedded.processes.kept_port import KeptPort
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.processes.process import Process, StartFailedError
from nightshift.embedded.servers.broker import GIGABYTE, Broker
from nightshift.embedded.servers.mail_server import MailServer
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.embedded.servers.server import Server

BUCKET = "nightshift"
GATEWAY_KEY = "gateway-key"
"""A file of this name in a stack's folder holds the API key of its gateway."""
USUAL_BROKER_PORT = 4222
USUAL_GATEWAY_PORT = 8000
USUAL_CONSOLE_PORT = 8090
MAIL_FROM = "Nightshift <nightshift@example.com>"
ADMIN_EMAIL = "admin@example.com"
"""Who is told what nobody asked for, such as the weekly report: the catcher keeps it."""


class Stack:
    """Everything that the services need, in one folder, on free loopback ports.

    Started in a folder that held a stack before, it uses the state, the keys and, if they are free, the ports of that
    one. Only one stack at a time may run in a folder; any number may run in different folders.
    """

    def __init__(
        self,
        folder: Path,
        *,
        project: Project | None = None,
        max_file_store: int = 20 * GIGABYTE,
        broker_config: str = "",
    ) -> None:
        """Prepare a stack in `folder`; its services are those of `project`, by default of the working directory."""
        self.project = project or Project()
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self.database = self.folder / "nightshift.db"
        self.broker = Broker(
            self.folder / "broker", log=self._log("nats-server"), max_file_store=max_file_store, extra=broker_config
        )
        self.objects = ObjectServer(self.folder / "objects", log=self._log("weed"))
        self.mail = MailServer(self.folder / "mail-server", log=self._log("mail"), mailbox=self.folder / "mail")
        self.gateway_port = KeptPort(self.folder / "gateway-port")
        self.console_port = KeptPort(self.folder / "console-port")
        self._lock = FolderLock(self.folder)

    @classmethod
    def kept(cls, project: Project | None = None) -> Self:
        """Return the stack of a project whose state stays: `make up`."""
        project = project or Project()
        stack = cls(project.state_folder, project=project)
        stack.broker.usual_port = USUAL_BROKER_PORT  # the default of clients
        stack.gateway_port.usual = USUAL_GATEWAY_PORT
        stack.console_port.usual = USUAL_CONSOLE_PORT
        return stack

    @classmethod
    def fresh(cls, kind: str, now: datetime, project: Project | None = None) -> Self:
        """Return a stack of a project in a new folder, `var/<kind>-<time>`."""
        project = project or Project()
        return cls(_new_folder(project.folder / "var", f"{kind}-{now:%Y%m%d-%H%M%S}"), project=project)

    @property
    def gateway_url(self) -> str:
        """The address at which this stack's gateway answers, if the project has one."""
        return f"http://{LOOPBACK}:{self.gateway_port.number}"

    @property
    def servers(self) -> tuple[Server, ...]:
        """The three programs, in the order in which they are stopped."""
        return self.mail, self.objects, self.broker

    def lock_folder(self) -> None:
        """Lock the folder, as `start` does first; does nothing if this stack has locked it.

        Raises:
            FolderTakenError: another stack runs in it.
            StartFailedError: the folder cannot be used; the text says why.
        """
        if "?" in str(self.folder):
            raise StartFailedError(
                f"the folder {self.folder} has a ? in its name, which ends a path in database addresses"
            )
        try:
            self._lock.acquire()
        except FileExistsError:
            raise StartFailedError(f"{self.folder} is a file: use another folder") from None
        except OSError as error:
            raise StartFailedError(
                f"the folder {self.folder} cannot be used ({error.strerror}): use another one"
            ) from error

    async def start(self) -> None:
        """Start the three servers and return when all are ready.

        Raises:
            FolderTakenError, StartFailedError: as `lock_folder`.
            ProgramMissingError: a program is not on this machine.
            StartFailedError: one did not become ready. The others are killed then.
        """
        self.lock_folder()
        try:
            async with asyncio.TaskGroup() as starts:
                for server in self.servers:
                    starts.create_task(server.start())
        except BaseException as error:
            await self.kill()
            cause = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
            if isinstance(cause, OSError):
                raise StartFailedError(str(cause)) from error
            if cause is not error:
                raise cause from None
            raise

    async def stop(self) -> None:
        """Stop the servers gracefully."""
        await asyncio.gather(*(server.stop() for server in self.servers))
        self._lock.release()

    async def kill(self) -> None:
        """Kill the servers."""
        await asyncio.gather(*(server.kill() for server in self.servers))
        self._lock.release()

    def environment(self) -> dict[str, str]:
        """Return the settings with which a service uses this stack, which must have been started once.

        Raises:
            StartFailedError: the project's file of further settings cannot be read.
        """
        return {
            **self.project.settings(),
            "NATS_URL": self.broker.url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{self.database.as_posix()}",
            "S3_ENDPOINT": self.objects.endpoint,
            "S3_ACCESS_KEY": self.objects.access_key,
            "S3_SECRET_KEY": self.objects.secret_key,
            "S3_BUCKET": BUCKET,
            "SMTP_HOST": self.mail.host,
            "SMTP_PORT": str(self.mail.port),
            "SMTP_TLS": "none",
            "MAIL_FROM": MAIL_FROM,
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "GATEWAY_PORT": str(self.gateway_port.number),
            "GATEWAY_JOBS": "*",
            "CONSOLE_PORT": str(self.console_port.number),
            "CONSOLE_MAIL_FOLDER": str(self.mail.mailbox),
            "MAIL_WAIT_SECONDS": "1",  # the catcher refuses only what its script says: nobody waits for that
            **kept_settings(self.folder, self.project.folder),
        }

    def process(
        self, module: str, *arguments: str, log: Path | None = None, extra: Mapping[str, str] | None = None
    ) -> Process:
        """Start `python -m module` in the project's folder with this stack's settings, and not the user's own."""
        return Process(
            module,
            [sys.executable, "-m", module, *arguments],
            log=log or self._log(module),
            cwd=self.project.folder,
            environment=clean_environment() | self.environment() | dict(extra or {}),
        )

    async def run(self, module: str, *arguments: str, timeout_seconds: float = 120) -> str:
        """Run `python -m module` to its end and return what it printed.

        Raises:
            StartFailedError: it failed, or did not end in time; the text quotes its log.
        """
        process = self.process(module, *arguments)
        try:
            code = await process.wait(timeout_seconds=timeout_seconds)
            if code is None:
                raise process.failure(f"did not end within {timeout_seconds:g} s")
            if code:
                raise process.failure(f"ended with exit code {code}")
            return process.output()
        finally:
            await process.kill()

    async def provision(self) -> None:
        """Bring database tables, streams, consumers and bucket up to date; can be repeated.

        Raises:
            StartFailedError: it failed; the text says why.
        """
        await self.run("nightshift.runtime.provision")

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _new_folder(parent: Path, name: str) -> Path:
    """Create a folder that did not exist, so that two stacks that start in the same second get two."""
    parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
        folder = parent / f"{name}{suffix}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / name} and 998 more exist already: remove old ones")

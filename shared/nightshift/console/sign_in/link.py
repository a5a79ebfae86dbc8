"""The one-time link: how the person at the machine's own terminal signs in, as with Jupyter.

There is always one that is valid. Using it makes another, in the file or on standard output.
"""

import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

from nightshift.config.env_settings import SettingsError
from nightshift.console.sign_in.owners_file import write_for_owner
from nightshift.observability.log import get_logger

_log = get_logger("console")


class OneTimeLink:
    """Holds the secret of the link. `announce` is told each new one where no file holds it."""

    def __init__(self, file: Path | None, announce: Callable[[str], None]) -> None:
        """Take the link that the file holds, or make one.

        Raises:
            SettingsError: the file can be neither read nor written.
        """
        self._file, self._announce = file, announce
        self._secret = self._kept() or self._made()

    def use(self, secret: str) -> bool:
        """Return whether this is the link; it is not any more."""
        if not hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), self._secret.encode()):
            return False
        self._secret = new_link_secret()
        try:
            self._keep()
        except OSError as error:
            _log.error("link_not_kept", f"{self._file} cannot be written, so no new link works: {error}")
        self.announce()
        return True

    def announce(self) -> None:
        """Tell the link, where no file holds it."""
        if self._file is None:
            self._announce(self._secret)

    def _kept(self) -> str:
        try:
            return self._file.read_text(encoding="ascii").strip() if self._file is not None else ""
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise SettingsError([f"CONSOLE_LINK_FILE: cannot read {self._file}: {error}"]) from None

    def _made(self) -> str:
        self._secret = new_link_secret()
        try:
            self._keep()
        except OSError as error:
            raise SettingsError([f"CONSOLE_LINK_FILE: cannot write {self._file}: {error.strerror}"]) from None
        return self._secret

    def _keep(self) -> None:
        if self._file is not None:
            write_link(self._file, self._secret)


def new_link_secret() -> str:
    """Return the secret of a new link."""
    return secrets.token_urlsafe(24)


def write_link(file: Path, secret: str) -> None:
    """Write a link that its owner alone can read, in one step."""
    write_for_owner(file, f"{secret}\n".encode())

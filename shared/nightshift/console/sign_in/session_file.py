"""The sessions of people who came by the one-time link, in a file beside it: they outlast a restart of the console.

`nightshift up` restarts it at each change of the project's files. Passwords and secrets of sessions are not in it.
"""

from pathlib import Path

import msgspec

from nightshift.console.sign_in.owners_file import write_for_owner
from nightshift.observability.log import get_logger

_log = get_logger("console")


class KeptSession(msgspec.Struct, frozen=True):
    """A session: the digest of its secret, the token of its forms, and when it was used last, in seconds since 1970."""

    digest: str
    token: str
    used: float


class SessionFile:
    """Reads and writes them; what cannot be read or written costs a sign-in, and nothing else."""

    def __init__(self, link_file: Path) -> None:
        self._file = link_file.with_name(f"{link_file.name}-sessions")

    def read(self) -> list[KeptSession]:
        """Return what was written last."""
        try:
            return _decode(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("sessions_unread", f"{self._file} cannot be read, so people sign in again: {error}")
            return []

    def write(self, sessions: list[KeptSession]) -> None:
        """Replace what is kept."""
        try:
            write_for_owner(self._file, msgspec.json.encode(sessions))
        except OSError as error:
            _log.warning("sessions_unkept", f"{self._file} cannot be written: sessions end with the process: {error}")


_decode = msgspec.json.Decoder(list[KeptSession]).decode

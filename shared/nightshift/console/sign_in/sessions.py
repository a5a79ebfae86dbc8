"""Sessions of people who have signed in: random, kept as hashes, ended at once when the person's entry changes."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from nightshift.console.sign_in.person import Person
from nightshift.console.sign_in.session_file import KeptSession, SessionFile
from nightshift.console.sign_in.users_file import User, UsersFile

LINK_USER = User("admin", "admin")
"""Who comes by a one-time link: a person with the machine's own terminal."""
_MOST = 10_000


@dataclass(slots=True)
class _Session:
    user: User
    token: str
    of_file: bool
    """Whether it ends when the file of users says so."""
    used: float
    ends: float


class Sessions:
    """Kept in this process: whoever has one signs in again after a restart, but for those who came by the link.

    Theirs are in `file`, where there is one; they count as unused since somebody signed in or out last.
    """

    def __init__(
        self,
        users: UsersFile,
        idle_seconds: float,
        file: SessionFile | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._users, self._idle_seconds, self._file, self._clock = users, idle_seconds, file, clock
        self._sessions: dict[str, _Session] = {
            one.digest: _Session(LINK_USER, one.token, False, one.used, float("inf"))
            for one in (file.read() if file is not None else ())
        }

    def begin(self, user: User, *, of_file: bool = True, most_seconds: float = float("inf")) -> str:
        """Begin a session, which ends at last after so many seconds; return its secret, which goes into the cookie."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        if len(self._sessions) >= _MOST:
            self._drop_idle(now)
        if len(self._sessions) >= _MOST:
            self._sessions.pop(min(self._sessions, key=lambda key: self._sessions[key].used))
        self._sessions[_digest(secret)] = _Session(user, secrets.token_urlsafe(24), of_file, now, now + most_seconds)
        self._keep()
        return secret

    def find(self, secret: str) -> Person | None:
        """Return whose session it is; None if it is none, or no longer."""
        key, now = _digest(secret), self._clock()
        session = self._sessions.get(key)
        if session is None:
            return None
        still = not session.of_file or self._users.find(session.user.name) == session.user
        if not still or now - session.used > self._idle_seconds or now > session.ends:
            del self._sessions[key]
            return None
        session.used = now
        return Person(session.user.name, session.user.role, session.token)

    def end(self, secret: str) -> None:
        """End a session."""
        if self._sessions.pop(_digest(secret), None) is not None:
            self._keep()

    def _keep(self) -> None:
        if self._file is not None:
            by_link = [(key, one) for key, one in self._sessions.items() if one.user is LINK_USER]
            self._file.write([KeptSession(key, one.token, one.used) for key, one in by_link])

    def _drop_idle(self, now: float) -> None:
        idle = [key for key, session in self._sessions.items() if now - session.used > self._idle_seconds]
        for key in idle:
            del self._sessions[key]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

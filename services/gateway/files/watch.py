"""Waits for files to change: one query every quarter of a second for all that are watched, whoever watches them."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from nightshift import Unavailable
from nightshift.database import Database
from nightshift.observability.log import get_logger
from services.gateway.files.repository import FileRow, find_files
from services.gateway.files.representation import version_of

PERIOD_SECONDS = 0.25
_PAGE = 500
_log = get_logger("gateway")


@dataclass(slots=True, eq=False)
class _Watcher:
    known: str
    changed: asyncio.Future[FileRow | None]


class FileWatch:
    """Tells when a file is no longer as it was."""

    def __init__(self, database: Database, *, period_seconds: float = PERIOD_SECONDS) -> None:
        self._database, self._period_seconds = database, period_seconds
        self._watchers: defaultdict[str, set[_Watcher]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None
        self.queries = 0

    async def change(self, file_id: str, known: str) -> FileRow | None:
        """Wait until a file's version is another than `known`; return it, None if it is gone."""
        watcher = _Watcher(known, asyncio.get_running_loop().create_future())
        self._watchers[file_id].add(watcher)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            return await watcher.changed
        finally:
            self._watchers[file_id].discard(watcher)
            if not self._watchers[file_id]:
                del self._watchers[file_id]

    async def _watch(self) -> None:
        """Ask as long as anybody waits."""
        try:
            while self._watchers:
                await asyncio.sleep(self._period_seconds)
                try:
                    await self._look()
                except Unavailable as away:
                    _log.debug("watch_waits", f"Files that clients wait for cannot be looked at: {away}")
        except Exception as error:  # noqa: BLE001 - whoever waits has to know
            self._fail(error)
        finally:
            self._watching = None

    async def _look(self) -> None:
        ids = list(self._watchers)
        for start in range(0, len(ids), _PAGE):
            await self._look_at(ids[start : start + _PAGE])

    async def _look_at(self, ids: Sequence[str]) -> None:
        self.queries += 1
        found = {file.id: file for file in await find_files(self._database, ids)}
        for file_id in ids:
            file = found.get(file_id)
            version = version_of(file) if file else None
            for watcher in self._watchers.get(file_id, ()):
                if watcher.known != version and not watcher.changed.done():
                    watcher.changed.set_result(file)

    def _fail(self, error: Exception) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                if not watcher.changed.done():
                    watcher.changed.set_exception(error)

"""The sources of this process: read at start, and anew when the file or a secret's file changes."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from nightshift.config.env_settings import SettingsError
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.webhooks.source import Source
from nightshift.webhooks.sources import SourcesFile, read_sources

LOOK_SECONDS = 10.0
_STALLED_SECONDS = 60.0
_log = get_logger("webhooks")


class SourceRegistry:
    """Finds a source by its name. When the file has become wrong the log says so, and the sources stay as they were."""

    def __init__(self, path: Path | None, environ: Mapping[str, str], *, look_seconds: float = LOOK_SECONDS) -> None:
        """Read the file; without one there is no source.

        Raises:
            SettingsError: with a line for everything that is wrong with it.
        """
        self._path, self._environ, self._look_seconds = path, environ, look_seconds
        self._read = SourcesFile({}, b"") if path is None else read_sources(path, environ)
        self._problems: tuple[str, ...] = ()

    @property
    def sources(self) -> Mapping[str, Source]:
        """All sources by name."""
        return self._read.sources

    def find(self, name: str) -> Source | None:
        """Return a source; None when there is no such one."""
        return self._read.sources.get(name)

    async def watch(self, heartbeat: Heartbeat) -> None:
        """Look for changes every few seconds: a rotated secret counts without a restart."""
        while True:
            heartbeat.beat(self._look_seconds + _STALLED_SECONDS)
            await asyncio.sleep(self._look_seconds)
            if self._path is not None:
                self._take(await asyncio.to_thread(_try_to_read, self._path, self._environ))

    def _take(self, found: SourcesFile | SettingsError) -> None:
        if isinstance(found, SettingsError):
            if found.problems != self._problems:
                _log.error("webhook_sources_wrong", f"{found}\nthe sources stay as they were before")
            self._problems = found.problems
            return
        if found.fingerprint != self._read.fingerprint:
            _log.info(
                "webhook_sources", f"The sources of webhooks were read anew: {', '.join(found.sources) or 'none'}"
            )
        self._read, self._problems = (found if found.fingerprint != self._read.fingerprint else self._read), ()


def _try_to_read(path: Path, environ: Mapping[str, str]) -> SourcesFile | SettingsError:
    try:
        return read_sources(path, environ)
    except SettingsError as error:
        return error

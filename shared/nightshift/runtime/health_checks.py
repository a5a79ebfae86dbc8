"""The health of a process: heartbeats of its loops (liveness) and checks of what it needs (readiness)."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable

from nightshift.config.redaction import single_line
from nightshift.deadline import within
from nightshift.heartbeat import Heartbeat

ReadinessCheck = Callable[[], Awaitable[None]]

_REASON_BYTES = 300
_BEAT_SECONDS, _BEATS_REMEMBERED = 0.1, 100
"""Of the event loop: what it was held up by is known to a tenth of a second, and for ten seconds."""


class Checks:
    """Registered heartbeats and checks; asked by the health server's thread, kept fresh on the event loop.

    Nothing that the thread calls can block: readiness checks run on the loop and their results are remembered.
    """

    def __init__(
        self,
        *,
        stalled_after_seconds: float = 30.0,
        interval_seconds: float = 5.0,
        timeout_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set how long the event loop may block, how often each readiness check runs and how long it may take."""
        self._stalled_after_seconds = stalled_after_seconds
        self._interval_seconds = interval_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._heartbeats: dict[str, Heartbeat] = {}
        self._not_ready: dict[str, str] = {}
        self._new_checks: asyncio.Queue[tuple[str, ReadinessCheck]] = asyncio.Queue()
        self._starting, self._draining = True, False
        self._next_beat, self._lags = math.inf, deque[float](maxlen=_BEATS_REMEMBERED)
        self.heartbeat("event loop").beat(stalled_after_seconds)

    def heartbeat(self, name: str) -> Heartbeat:
        """Return a new heartbeat; while it breaks its promise, the process is not alive, for the reason `name`."""
        self._heartbeats[name] = heartbeat = Heartbeat(self._clock)
        return heartbeat

    def ready(self, name: str, check: ReadinessCheck) -> None:
        """Add a check that raises while the process cannot do its work (its broker or database is unavailable).

        It runs at once if `run` is running. A process without any such check is still starting, and not ready.
        """
        self._starting = False
        self._not_ready[name] = "not checked yet"
        self._new_checks.put_nowait((name, check))

    def drain(self) -> None:
        """Make the process not ready for good: it is stopping, and takes no more work."""
        self._draining = True

    def liveness(self) -> list[str]:
        """Return the reasons why the process is no longer alive; none is good."""
        silences = [(name, heartbeat.silence()) for name, heartbeat in list(self._heartbeats.items())]
        return [f"{name}: no sign of life for {seconds:.0f} s" for name, seconds in silences if seconds is not None]

    def readiness(self) -> list[str]:
        """Return the reasons why the process cannot work now, which include those of `liveness`; none is good."""
        phase = ["process: is stopping"] if self._draining else ["process: is starting"] if self._starting else []
        return [*phase, *self.liveness(), *(f"{name}: {why}" for name, why in list(self._not_ready.items()))]

    def lag(self) -> float:
        """Return how many seconds late the event loop came to its work at worst, in the last ten seconds."""
        now_late = self._clock() - self._next_beat  # whoever asks may come before the beat that is late
        return max(0.0, now_late, *self._lags)

    async def run(self) -> None:
        """Keep heartbeat and readiness fresh until cancelled; one task per process."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_beating())
            while True:
                name, check = await self._new_checks.get()
                tasks.create_task(self._keep_checking(name, check))

    async def _keep_beating(self) -> None:
        heartbeat = self._heartbeats["event loop"]
        while True:
            heartbeat.beat(self._stalled_after_seconds)
            pause = min(_BEAT_SECONDS, self._stalled_after_seconds / 4)
            self._next_beat = self._clock() + pause
            await asyncio.sleep(pause)
            self._lags.append(self._clock() - self._next_beat)

    async def _keep_checking(self, name: str, check: ReadinessCheck) -> None:
        """Run one check again and again, on a clock of its own: a slow one holds up no other."""
        heartbeat = self.heartbeat(f"readiness check of {name}")
        while True:
            heartbeat.beat(self._timeout_seconds + self._interval_seconds + self._stalled_after_seconds)
            running = asyncio.ensure_future(check())
            await self._check(name, running)
            await asyncio.wait({running})  # what cannot be cancelled has no second one beside it
            await asyncio.sleep(self._interval_seconds)

    async def _check(self, name: str, running: "asyncio.Future[None]") -> None:
        try:
            await within(self._timeout_seconds, running)
        except TimeoutError:
            self._not_ready[name] = f"no answer within {self._timeout_seconds:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a check raises is its reason
            self._not_ready[name] = single_line(str(error) or type(error).__name__, _REASON_BYTES)
        else:
            self._not_ready.pop(name, None)

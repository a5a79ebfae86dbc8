"""What a process knows about its own health: a heartbeat of the event loop, liveness and readiness checks."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from nightshift.config.redaction import single_line

LivenessCheck = Callable[[], str | None]
ReadinessCheck = Callable[[], Awaitable[None]]

_REASON_BYTES = 300


class Checks:
    """Registered checks and their last results; asked by the health server's thread, kept fresh on the event loop.

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
        """Takes how long the loop may stand still, how often readiness is checked and how long a check may take."""
        self._stalled_after_seconds = stalled_after_seconds
        self._interval_seconds = interval_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._last_beat = clock()
        self._live: dict[str, LivenessCheck] = {}
        self._ready: dict[str, ReadinessCheck] = {}
        self._not_ready: dict[str, str] = {}
        self._draining = False
        self._new_check = asyncio.Event()

    def live(self, name: str, check: LivenessCheck) -> None:
        """Adds a check that returns why the process should be restarted, or None; it must not block."""
        self._live[name] = check

    def ready(self, name: str, check: ReadinessCheck) -> None:
        """Adds a check that raises while the process cannot do its work (its broker or database is away).

        It is run at once if `run` is going on. A process without any such check is still starting, and not ready.
        """
        self._ready[name] = check
        self._not_ready[name] = "not checked yet"
        self._new_check.set()

    def drain(self) -> None:
        """Makes the process not ready for good: it is stopping and takes nothing more."""
        self._draining = True

    def beat(self) -> None:
        """Notes that the event loop is turning."""
        self._last_beat = self._clock()

    def liveness(self) -> list[str]:
        """Returns the reasons why the process is no longer alive; none is good."""
        reasons = [f"{name}: {reason}" for name, check in list(self._live.items()) if (reason := _ask(check))]
        still_seconds = self._clock() - self._last_beat
        if still_seconds > self._stalled_after_seconds:
            reasons.append(f"event loop: has not turned for {still_seconds:.0f} s")
        return reasons

    def readiness(self) -> list[str]:
        """Returns the reasons why the process cannot work now; none is good. What is not alive is not ready."""
        phase = ["process: is stopping"] if self._draining else [] if self._ready else ["process: is starting"]
        return [*phase, *self.liveness(), *(f"{name}: {why}" for name, why in list(self._not_ready.items()))]

    async def run(self) -> None:
        """Keeps heartbeat and readiness fresh until cancelled; one task per process."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_beating(), name="heartbeat")
            tasks.create_task(self._keep_probing(), name="readiness")

    async def probe(self) -> None:
        """Runs every readiness check once, all at the same time, and remembers the results."""
        await asyncio.gather(*(self._probe(name, check) for name, check in list(self._ready.items())))

    async def _probe(self, name: str, check: ReadinessCheck) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await check()
        except TimeoutError:
            self._not_ready[name] = f"no answer within {self._timeout_seconds:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a check raises is its reason
            self._not_ready[name] = single_line(str(error) or type(error).__name__, _REASON_BYTES)
        else:
            self._not_ready.pop(name, None)

    async def _keep_beating(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(min(1.0, self._stalled_after_seconds / 4))

    async def _keep_probing(self) -> None:
        while True:
            self._new_check.clear()
            await self.probe()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_seconds):
                    await self._new_check.wait()


def _ask(check: LivenessCheck) -> str | None:
    try:
        reason = check()
    except Exception as error:  # noqa: BLE001 - a check that breaks is a reason
        reason = f"the check itself failed: {type(error).__name__}: {error}"
    return single_line(reason, _REASON_BYTES) if reason else None

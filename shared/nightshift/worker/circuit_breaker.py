"""The circuit breaker: while our own database, object store or broker is unavailable, nothing is pulled."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

from nightshift.deadline import within
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.worker.policies import DEFAULT_POLICIES, Policies

_log = get_logger("circuit")

Probe = Callable[[], Awaitable[None]]
Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
"""Starts a task of this name, and sees to it that no exception of it goes unnoticed."""


def spawn_task(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task that nobody supervises, for tests and tools."""
    return asyncio.create_task(work, name=name)


class CircuitBreaker:
    """Opens when a component is found unavailable, probes it, and closes when it answers."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        metrics: Metrics,
        policies: Policies = DEFAULT_POLICIES,
        *,
        spawn: Spawn = spawn_task,
    ) -> None:
        self._probes, self._metrics, self._policies, self._spawn = probes, metrics, policies, spawn
        self.on_close: Callable[[], None] = lambda: None
        self._open: dict[str, asyncio.Task[None]] = {}
        for component in probes:
            metrics.circuit(component, is_open=False)

    @property
    def closed(self) -> bool:
        """Whether everything is available, as far as known."""
        return not self._open

    @property
    def unavailable(self) -> list[str]:
        """The components that are waited for, sorted."""
        return sorted(self._open)

    def trip(self, unavailable: Unavailable) -> None:
        """Stop the pulling until a probe of the component succeeds."""
        component = unavailable.component
        if component in self._open or component not in self._probes:
            return
        _log.error("circuit_open", f"{unavailable}: pulling stops until it answers", component=component)
        self._metrics.circuit(component, is_open=True)
        self._open[component] = self._spawn(self._probe(component), f"probe of {component}")

    def delay(self) -> timedelta:
        """Return how long a job waits that met the outage: it runs again at some time after the first probes."""
        return timedelta(seconds=random.uniform(*self._policies.outage_seconds))  # noqa: S311 - spreads load

    async def stop(self) -> None:
        """End the probing."""
        for task in self._open.values():
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)

    async def _probe(self, component: str) -> None:
        wait = self._policies.first_probe_seconds
        while True:
            await asyncio.sleep(wait)
            try:
                await within(self._policies.probe_seconds, self._probes[component]())
            except Exception:  # noqa: BLE001 - whatever a probe raises, it is not available yet
                wait = min(wait * 2, self._policies.last_probe_seconds)
            else:
                break
        del self._open[component]
        self._metrics.circuit(component, is_open=False)
        _log.info("circuit_closed", f"The {component} answers again: pulling goes on", component=component)
        self.on_close()

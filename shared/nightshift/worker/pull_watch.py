"""Shows in the metrics how each pull is doing, and in readiness whether the broker still knows its consumer."""

import asyncio
import time
from collections.abc import Sequence
from typing import NoReturn

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.heartbeat import Heartbeat
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.pull import Pull

_LOOK_SECONDS = 1.0
_ASK_SECONDS = 3.0
_STALLED_SECONDS = 30.0


class PullWatch:
    """Watches a worker's pulls. A consumer that the operator paused gives no sign of it, so the broker is asked."""

    def __init__(
        self, pulls: Sequence[Pull], connection: Connection, circuit: CircuitBreaker, metrics: Metrics
    ) -> None:
        self._pulls, self._connection, self._circuit, self._metrics = pulls, connection, circuit, metrics
        self._paused: set[str] = set()

    async def ask(self) -> None:
        """Check that every pull is open and its consumer known to the broker; a readiness check.

        Raises:
            Unavailable, BrokerRefusedError: the broker is unavailable, or has no such consumer, or a pull cannot open.
        """
        for pull in self._pulls:
            if pull.failure:
                raise Unavailable("broker", f"{pull.stream} is not pulled: {pull.failure}")
            info = await manage(
                self._connection, f"CONSUMER.INFO.{pull.stream}.{pull.consumer}", timeout_seconds=_ASK_SECONDS
            )
            (self._paused.add if info.get("paused") else self._paused.discard)(pull.stream)

    async def run(self, heartbeat: Heartbeat) -> NoReturn:
        """Keep the metrics fresh until cancelled."""
        while True:
            heartbeat.beat(_STALLED_SECONDS)
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Show the state of every pull in the metrics, and when the broker last sent anything for it."""
        silent_since = time.time() - time.monotonic()
        for pull in self._pulls:
            self._metrics.pull_state(pull.stream, self._state(pull))
            self._metrics.pull_activity(pull.stream, silent_since + pull.last_heard)

    def _state(self, pull: Pull) -> str:
        if not self._connection.up.is_set():
            return "disconnected"
        if pull.stream in self._paused or not self._circuit.closed:
            return "paused"
        return "pulling" if pull.open else "stopped"

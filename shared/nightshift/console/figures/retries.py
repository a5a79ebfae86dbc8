"""How many jobs wait for a retry, apart from those that wait for their time: known by reading each, so only of few.

The broker counts both together. What is read is bounded, and read again only after something has come or gone.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from nightshift.broker import Connection
from nightshift.broker.direct_get import PAGE
from nightshift.cli.queries.queue_stats import count_retries

MOST_JOBS = 1_000
_MOST_BYTES = 1024**2
_AGAIN_SECONDS = 10.0


class _Counted(NamedTuple):
    retries: int
    at: float
    state: tuple[int, int, int]


class Retries:
    """Keeps the last count of each service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._counted: dict[str, _Counted] = {}
        self.asked = 0
        """About how many requests to the broker all counts have taken."""

    async def count(self, service: str, stream: Mapping[str, Any], waiting: int) -> int | None:
        """Return how many of the jobs that wait in a service's stream had an attempt; None where too much waits.

        Raises:
            Unavailable: the broker is unavailable.
        """
        state = stream["state"]
        if not waiting or waiting > MOST_JOBS or state["bytes"] > _MOST_BYTES:
            self._counted.pop(service, None)
            return None if waiting else 0
        now, mark = asyncio.get_running_loop().time(), (state["first_seq"], state["last_seq"], state["messages"])
        known = self._counted.get(service)
        if known is None or (known.state != mark and now - known.at >= _AGAIN_SECONDS):
            self.asked += 2 + waiting // PAGE
            retries = await count_retries(self._connection, service)
            known = self._counted[service] = _Counted(retries, now, mark)
        return min(known.retries, waiting)

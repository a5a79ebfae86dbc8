"""The durable consumers that workers pull, as data."""

from datetime import timedelta
from typing import Any

import msgspec

ACK_WAIT = timedelta(seconds=30)
PROGRESS_SECONDS = 10.0
"""How often a worker tells the broker that it still works: three chances within `ACK_WAIT`."""
MAX_ACK_PENDING = 200_000
"""Delayed negative acknowledgements stay pending: a low limit would let them stop the consumer."""


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """One durable pull consumer, named after its service and shared by all its replicas."""

    stream: str
    name: str
    filter: str
    new_only: bool = False

    def config(self) -> dict[str, Any]:
        """Return the request body of `$JS.API.CONSUMER.CREATE` (ADR-15)."""
        return {
            "durable_name": self.name,
            "name": self.name,
            "filter_subject": self.filter,
            "ack_policy": "explicit",
            "ack_wait": int(ACK_WAIT.total_seconds() * 1_000_000_000),
            "max_ack_pending": MAX_ACK_PENDING,
            "max_deliver": -1,
            "deliver_policy": "new" if self.new_only else "all",
            "replay_policy": "instant",
        }

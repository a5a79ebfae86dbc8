"""A delivery that no broker has made, for tests: the worker's answers to it go nowhere."""

import time
from collections.abc import Sequence
from typing import Any

from nightshift.broker.delivery import Delivery
from nightshift.broker.headers import encode
from nightshift.contract import wire


def made_up(job_type: str, headers: dict[str, str], body: bytes, delivered: int) -> Delivery:
    """Return the delivery of a job, for the so many-th time."""
    subject = job_type if wire.is_event(job_type) else wire.job_subject(job_type)
    nobody: Any = _Unconnected()
    return Delivery(
        stream="TEST",
        subject=subject,
        sequence=1,
        stored_ns=time.time_ns(),
        body=body,
        header_block=encode(headers),
        connection=nobody,
        reply=b"",
        delivered=delivered,
        pending=0,
    )


class _Unconnected:
    """Takes the answers of a delivery that no broker has made."""

    def send(self, subject: bytes, body: bytes = b"", reply: bytes = b"", header: bytes = b"") -> None:
        """Does nothing."""

    def send_empty(self, subjects: Sequence[bytes]) -> None:
        """Does nothing."""

    async def ask(self, *_: Any, **__: Any) -> None:
        """Does nothing."""

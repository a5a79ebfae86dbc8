"""A gateway that is killed at a step of an upload: `python -m tests.integration.services.gateway.killed_gateway STEP`.

The steps are put around the product's calls; the product has none. A process that kills itself with SIGKILL ends as by
`kill -9`, at a moment that nobody else could hit.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3_transfers import S3Transfers
from services.gateway.files.completion import Completion
from services.gateway.files.intake import FileIntake
from services.gateway.files.receipt import Receipt
from services.gateway.service import main

HALF = 100_000


def die() -> None:
    """End as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def _after_row() -> None:
    admit = FileIntake._admit

    async def admit_then(*arguments: Any) -> Any:
        await admit(*arguments)
        die()

    FileIntake._admit = admit_then  # type: ignore[assignment,method-assign]


def _half_way() -> None:
    pass_on = Receipt.pass_on

    async def some(self: Receipt, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pass_on(self, pieces):
            yield piece
            if self.size > HALF:
                die()

    Receipt.pass_on = some  # type: ignore[method-assign]


def _after_object() -> None:
    receive = S3Transfers.receive

    async def receive_then(*arguments: Any, **options: Any) -> int:
        await receive(*arguments, **options)
        die()
        raise AssertionError

    S3Transfers.receive = receive_then  # type: ignore[method-assign]


def _after_completed_row() -> None:
    async def store(_self: Publisher, _message: OutboundMessage) -> Stored:
        die()
        raise AssertionError

    Publisher.store = store  # type: ignore[assignment, method-assign]


def _after_publish() -> None:
    store = Publisher.store

    async def store_then(self: Publisher, message: OutboundMessage) -> Stored:
        await store(self, message)
        die()
        raise AssertionError

    Publisher.store = store_then  # type: ignore[method-assign]


def _before_answer() -> None:
    def answer(*_arguments: Any, **_options: Any) -> Any:
        die()

    Completion.answer = answer  # type: ignore[method-assign]


STEPS: dict[str, Callable[[], None]] = {
    "row": _after_row,
    "half": _half_way,
    "object": _after_object,
    "completed": _after_completed_row,
    "published": _after_publish,
    "answer": _before_answer,
}
"""What is done already when the process ends."""


if __name__ == "__main__":
    STEPS[sys.argv.pop()]()
    sys.exit(main())

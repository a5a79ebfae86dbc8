"""Waiting for a broker ends when it is told to."""

import asyncio
from typing import Any

from nightshift.broker.connect import establish
from nightshift.broker.connection import Connection
from nightshift.config.settings import ProcessSettings


class Deaf(Connection):
    """A connection whose try fails at the moment of the first cancellation, which is lost with it."""

    cancellations = 0

    async def connect(self, *_: Any, **__: Any) -> None:
        """Try without end, as the library does: a failed try is followed by another."""
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.cancellations += 1
                if self.cancellations > 1:
                    raise


async def test_a_cancellation_that_a_failing_try_took_along_comes_again() -> None:
    """A process that waits for its broker ends when it is stopped, whatever it met at that moment."""
    connection = Deaf()
    waiting = asyncio.create_task(establish(connection, ProcessSettings(), name="test"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=10)
    assert done
    assert waiting.cancelled()
    assert connection.cancellations == 2

"""Waiting for either of two ends when one of them is there."""

import asyncio

from nightshift.runtime.process import wait_unless_stopped


async def test_a_cancellation_that_a_failing_try_took_along_comes_again() -> None:
    """A process that waits for its broker ends when it is stopped, whatever it met at that moment."""
    cancellations = 0

    async def deaf() -> None:
        nonlocal cancellations
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancellations += 1
                if cancellations > 1:
                    raise

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert not await asyncio.wait_for(wait_unless_stopped(deaf(), stop), 10)
    assert cancellations == 2

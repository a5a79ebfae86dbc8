"""Jobs of one identity are taken one after the other."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from nightshift.worker.keyed_lock import KeyedLock


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=20))
def test_nobody_shares_a_key_and_everybody_has_a_turn(visits: list[tuple[str, int, bool]]) -> None:
    """Whoever stays how long, and whoever is cancelled, waiting or holding."""
    inside: dict[str, int] = {}
    lock = KeyedLock()
    had: list[int] = []
    together: list[int] = []

    async def visit(number: int, key: str, rounds: int) -> None:
        if not lock.try_acquire(key):
            await lock.acquire(key)
        inside[key] = inside.get(key, 0) + 1
        together.append(inside[key])
        try:
            for _ in range(rounds):
                await asyncio.sleep(0)
            had.append(number)
        finally:
            inside[key] -= 1
            lock.release(key)

    async def everybody() -> None:
        tasks = [asyncio.create_task(visit(n, key, rounds)) for n, (key, rounds, _) in enumerate(visits)]
        await asyncio.sleep(0)
        for task, (_, _, leaves) in zip(tasks, visits, strict=True):
            if leaves:
                task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert len(had) + sum(task.cancelled() for task in tasks) == len(visits)

    asyncio.run(everybody())
    assert set(together) <= {1}
    assert not lock._held, "a key that nobody holds is forgotten"

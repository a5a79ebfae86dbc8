"""Group commit: concurrent calls become few, and each caller gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.batcher import Batcher


class Groups:
    """Doubles numbers, and remembers in what groups they came; negative ones are refused."""

    def __init__(self, rounds: int = 1) -> None:
        self.rounds = rounds
        self.seen: list[list[int]] = []
        self.at_once = 0

    async def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        """Takes so many rounds of the event loop for any group."""
        self.at_once += 1
        assert self.at_once == 1, "two groups at the same time"
        self.seen.append(list(numbers))
        for _ in range(self.rounds):
            await asyncio.sleep(0)
        self.at_once -= 1
        return [number * 2 if number >= 0 else LookupError(number) for number in numbers]


@given(st.lists(st.tuples(st.integers(), st.integers(0, 5)), max_size=40), st.integers(1, 7), st.integers(0, 4))
def test_each_caller_gets_its_own_result_and_no_group_is_too_large(
    calls: list[tuple[int, int]], most: int, rounds: int
) -> None:
    """Whenever they come: results and exceptions are never mixed up, and nobody is forgotten."""
    groups = Groups(rounds)

    async def call(gather: Batcher[int, int], number: int, after: int) -> int:
        for _ in range(after):
            await asyncio.sleep(0)
        return await gather(number)

    async def everybody() -> list[int | BaseException]:
        gather: Batcher[int, int] = Batcher(groups, max_size=most)
        return await asyncio.gather(*(call(gather, *arguments) for arguments in calls), return_exceptions=True)

    for (number, _), result in zip(calls, asyncio.run(everybody()), strict=True):
        if number >= 0:
            assert result == number * 2
        else:
            assert isinstance(result, LookupError)
            assert result.args == (number,)
    assert sorted(number for group in groups.seen for number in group) == sorted(number for number, _ in calls)
    assert all(1 <= len(group) <= most for group in groups.seen)


async def test_those_that_come_during_a_call_share_the_next() -> None:
    """There is no timer: the first goes alone, the others together."""
    groups = Groups(rounds=5)
    gather: Batcher[int, int] = Batcher(groups, max_size=100)
    first = asyncio.create_task(gather(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await asyncio.gather(*(gather(number) for number in range(1, 10))) == list(range(2, 20, 2))
    assert await first == 0
    assert groups.seen == [[0], list(range(1, 10))]


async def test_what_the_call_raises_goes_to_all_of_its_group_and_to_nobody_else() -> None:
    """The next group is called as if nothing had happened."""
    failing = True

    async def run(numbers: Sequence[int]) -> list[int]:
        if failing:
            raise ConnectionError
        return list(numbers)

    gather: Batcher[int, int] = Batcher(run, max_size=10)
    results = await asyncio.gather(gather(1), gather(2), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    failing = False
    assert await gather(3) == 3


async def test_a_caller_that_is_cancelled_harms_no_other() -> None:
    """One that was still waiting is not part of any group."""
    groups = Groups(rounds=3)
    gather: Batcher[int, int] = Batcher(groups, max_size=1)
    tasks = [asyncio.create_task(gather(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert await tasks[0] == 0
    assert await tasks[2] == 4
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert [1] not in groups.seen


async def test_a_missing_result_fails_its_group_instead_of_leaving_it_waiting() -> None:
    """A defect of `run`: callers that nobody answers would hold their jobs until they time out."""

    async def forgetful(items: Sequence[int]) -> list[int | Exception]:
        return list(items[1:])

    batcher: Batcher[int, int] = Batcher(forgetful, max_size=10)
    async with asyncio.timeout(5):
        results = await asyncio.gather(*(batcher(item) for item in range(3)), return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results)


async def test_who_has_waited_long_enough_is_told_so_and_nobody_else() -> None:
    """Whether its group runs or waits behind another one; the same batcher goes on when that one has ended."""
    may_end = asyncio.Event()

    async def run(numbers: Sequence[int]) -> list[int | Exception]:
        if 0 in numbers:
            await may_end.wait()
        return [number * 2 for number in numbers]

    batcher: Batcher[int, int] = Batcher(run, max_size=1, patience_seconds=0.05)
    stuck = asyncio.gather(batcher(0), batcher(1), return_exceptions=True)
    assert [type(outcome) for outcome in await stuck] == [TimeoutError, TimeoutError]
    late = asyncio.create_task(batcher(2))
    await asyncio.sleep(0)
    may_end.set()
    assert await late == 4
    assert await batcher(3) == 6


async def test_the_patience_of_those_who_came_later_ends_later() -> None:
    """Each waits its own time, counted from its own call."""
    never, ended = asyncio.Event(), list[int]()

    async def run(numbers: Sequence[int]) -> list[int | Exception]:
        await never.wait()
        return list(numbers)

    batcher: Batcher[int, int] = Batcher(run, max_size=10, patience_seconds=0.1)

    async def call(number: int) -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await batcher(number)
        ended.append(number)
        return asyncio.get_running_loop().time() - began

    first = asyncio.create_task(call(1))
    await asyncio.wait({first}, timeout=0.03)
    assert min(await asyncio.gather(first, call(2))) >= 0.099
    assert ended == [1, 2]

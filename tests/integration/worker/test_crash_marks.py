"""What replicas tell each other about a message that is delivered again and again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.broker.delivery import Delivery
from nightshift.database import Database, migrate, open_database
from nightshift.worker.crash_loop import CrashLoopGuard
from tests.databases import database_of, kinds
from tests.unit.worker.deliveries import delivered


@pytest.fixture(params=kinds())
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of each kind at hand."""
    async with database_of(request.param, tmp_path) as url:
        await migrate(url)
        opened = open_database(url)
        yield opened
        await opened.close()


@pytest.fixture
def guard(database: Database) -> CrashLoopGuard:
    """The guard of one replica."""
    return CrashLoopGuard("probe", database)


def _delivery(sequence: int = 1) -> Delivery:
    delivery = delivered()
    delivery.sequence = sequence
    return delivery


async def test_a_message_is_marked_once(guard: CrashLoopGuard) -> None:
    """A second mark finds the first; other messages, and those of other services, have marks of their own."""
    assert await guard.mark_started(_delivery(1))
    assert not await guard.mark_started(_delivery(1))
    assert await guard.mark_started(_delivery(2))
    assert await CrashLoopGuard("other", guard._database).mark_started(_delivery(1))


async def test_naks_are_counted_for_their_message(guard: CrashLoopGuard, database: Database) -> None:
    """By all replicas, however many are recorded at once; of others nothing is known."""
    replica = CrashLoopGuard("probe", database)
    await asyncio.gather(*(guard.record_nak(_delivery(number % 2)) for number in range(10)))
    await asyncio.gather(guard.record_nak(_delivery(0)), replica.record_nak(_delivery(0)))
    assert [await replica.naks_of(_delivery(number)) for number in range(3)] == [7, 5, 0]


@pytest.mark.parametrize("marked_first", [True, False])
async def test_a_nak_clears_the_mark_and_a_mark_keeps_the_naks(guard: CrashLoopGuard, *, marked_first: bool) -> None:
    """The delivery ended in good order, so that the next may start."""
    if marked_first:
        assert await guard.mark_started(_delivery())
    await guard.record_nak(_delivery())
    assert await guard.mark_started(_delivery())
    assert not await guard.mark_started(_delivery())
    assert await guard.naks_of(_delivery()) == 1

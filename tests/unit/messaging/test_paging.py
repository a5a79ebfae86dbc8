"""A job works through pages until its time is up, and names the one that goes on."""

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.email import SendEmail
from nightshift.contract import wire
from nightshift.messaging.job import Job
from nightshift.messaging.paging import (
    KeysetPage,
    TimeLimit,
    Walk,
    enqueue_successor,
    process_pages,
    successor_id,
)

IDS = st.text(alphabet="ab~0123456789", min_size=1, max_size=12) | st.text(min_size=1, max_size=30)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.seconds


class Numbers:
    """Pages of two numbers each; knows how many were read and whether it was closed."""

    def __init__(self, count: int) -> None:
        self.count, self.read, self.closed = count, 0, False

    async def pages(self) -> AsyncGenerator[KeysetPage[int], None]:
        """One page after the other, as it is asked for."""
        try:
            for first in range(1, self.count, 2):
                self.read += 1
                yield KeysetPage((first, first + 1), (first - 1,) if first > 1 else None, (first + 1,))
        finally:
            self.closed = True


async def test_every_page_is_worked_on_in_turn() -> None:
    """The work gets each page once, and the end of the walk says so."""
    seen: list[int] = []

    async def work(page: KeysetPage[int]) -> None:
        seen.extend(page.rows)

    walk = await process_pages(Numbers(6).pages(), work, limit=TimeLimit(60))
    assert seen == [1, 2, 3, 4, 5, 6]
    assert walk == Walk(pages=3, rows=6, after=(6,), done=True)


async def test_nothing_to_do_is_done() -> None:
    """A walk without a page is at its end."""

    async def work(_: KeysetPage[int]) -> None:
        raise AssertionError

    assert await process_pages(Numbers(0).pages(), work, limit=TimeLimit(60)) == Walk(done=True)


async def test_the_limit_ends_the_walk_after_the_page_in_hand() -> None:
    """When the time is up no further page is read, and the checkpoint is the last one's key."""
    clock, numbers = Clock(), Numbers(100)

    async def work(_: KeysetPage[int]) -> None:
        clock.seconds += 4

    walk = await process_pages(numbers.pages(), work, limit=TimeLimit(10, clock=clock))
    assert walk == Walk(pages=3, rows=6, after=(6,), done=False)
    assert (numbers.read, numbers.closed) == (3, True)


async def test_a_limit_that_has_passed_still_lets_one_page_through() -> None:
    """Each job of a chain does something, or the chain would never end."""
    limit = TimeLimit(0)
    assert limit.passed

    async def work(_: KeysetPage[int]) -> None:
        return

    assert (await process_pages(Numbers(10).pages(), work, limit=limit)).pages == 1


async def test_a_number_of_pages_can_be_the_limit() -> None:
    """What a job holds until its commit is bounded by pages, not by time."""

    async def work(_: KeysetPage[int]) -> None:
        return

    walk = await process_pages(Numbers(10).pages(), work, limit=TimeLimit(60), most_pages=2)
    assert (walk.pages, walk.after, walk.done) == (2, (4,), False)


async def test_progress_is_told_after_each_page() -> None:
    """By the job, in rows and pages: how many there are in all nobody knows."""
    job, told = Job("probe", "probe.run", "a", "a"), []

    async def work(_: KeysetPage[int]) -> None:
        told.append(job.told)

    await process_pages(Numbers(6).pages(), work, limit=TimeLimit(60), job=job)
    assert [*told, job.told] == [
        None,
        (None, "2 rows in 1 pages"),
        (None, "4 rows in 2 pages"),
        (None, "6 rows in 3 pages"),
    ]


async def test_an_error_of_the_work_ends_the_walk() -> None:
    """It goes to the caller as it is, and the reading stops."""
    numbers = Numbers(10)

    async def work(page: KeysetPage[int]) -> None:
        if page.rows[0] > 2:
            raise RuntimeError("not this one")

    with pytest.raises(RuntimeError, match="not this one"):
        await process_pages(numbers.pages(), work, limit=TimeLimit(60))
    assert (numbers.read, numbers.closed) == (2, True)


def test_successors_are_counted() -> None:
    """People can read which part of the work a job is."""
    ids = ["cleanup-20261124T000000Z"]
    for _ in range(11):
        ids.append(successor_id(ids[-1]))
    assert ids[1:3] == ["cleanup-20261124T000000Z~2", "cleanup-20261124T000000Z~3"]
    assert ids[11] == "cleanup-20261124T000000Z~12"
    assert (successor_id("a~1"), successor_id("a~02"), successor_id("~2")) == ("a~1~2", "a~02~2", "~2~2")


@given(IDS, IDS)
def test_no_two_jobs_have_the_same_successor(one: str, other: str) -> None:
    """Else the work of one of them would count as done already."""
    assert (successor_id(one) == successor_id(other)) == (one == other)


@given(IDS)
def test_a_chain_of_successors_never_comes_back(job_id: str) -> None:
    """Each is a job of its own, also where the id becomes a token."""
    chain = [job_id]
    for _ in range(20):
        chain.append(successor_id(chain[-1]))
    assert len(set(chain)) == len({wire.safe_token(entry) for entry in chain}) == 21


def test_a_parent_that_is_delivered_again_names_the_same_successor() -> None:
    """The id follows from the parent's, and from nothing else."""
    message = SendEmail(to="ada@example.com", subject="s", body="b")
    deliveries = [Job("email", "email.send", "parent", "parent", attempt) for attempt in (1, 2)]
    for job in deliveries:
        enqueue_successor(job, message)
    (first,), (second,) = (job.follow_ups for job in deliveries)
    assert first.job_id == second.job_id == "parent~2"

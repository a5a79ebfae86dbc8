"""Each step of a job's life by itself: whether it lets the job go on, and the verdict that it ends it with."""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from nightshift.backoff import Retries
from nightshift.messaging import claim_check, inbox
from nightshift.messaging.errors import HandlerTimeoutError, InnerCancellationError, UnknownTypeError
from nightshift.messaging.job import Job
from nightshift.outcomes import Skip
from nightshift.testing import FakeObjectStore
from nightshift.worker import steps
from nightshift.worker.handling import Handling
from nightshift.worker.in_flight import InFlightJob, identify
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import NO_ROUTE, Route, route
from nightshift.worker.verdict import DONE, DUPLICATE, SKIPPED, Ack, DeadLetter, Reschedule, Verdict
from tests.harness import FollowProbe, RunProbe
from tests.unit.worker.deliveries import delivered, named

LIMITS = JobLimits(timeout_seconds=60.0)
PERMITTED = 10


async def nothing(_message: RunProbe, _job: Job) -> None:
    """Do nothing."""


KEPT = route(RunProbe, nothing)


class FakeGuard:
    """Marks jobs as started; `marked` holds them."""

    def __init__(self, *marked: str) -> None:
        self.marked = set(marked)

    async def mark_started(self, delivery: Any) -> bool:
        """See `CrashLoopGuard`."""
        known = delivery.origin() in self.marked
        self.marked.add(delivery.origin())
        return not known


class FakeCommitter:
    """Commits a job once; `done` holds their ids."""

    def __init__(self, *done: str) -> None:
        self.done = set(done)

    async def are_done(self, jobs: Sequence[Job]) -> list[bool]:
        """See `Committer`."""
        return [job.id in self.done for job in jobs]

    async def commit_all(self, jobs: Sequence[Job]) -> list[bool]:
        """See `Committer`."""
        first = [job.id not in self.done for job in jobs]
        self.done |= {job.id for job in jobs}
        return first


class FakeSettler:
    """Publishes follow-ups; `published` holds their parents' ids."""

    def __init__(self) -> None:
        self.published: list[str] = []

    async def publish_follow_ups(self, job: Job) -> None:
        """See `Settler`."""
        self.published.append(job.id)


async def _said(step: steps.Step, group: steps.Group) -> list[Verdict | None]:
    """Return what a step says of each job of a group, after whatever it waits for."""
    leaving = step(group)
    outcomes = dict(leaving if isinstance(leaving, list) else await leaving)
    return [await _verdict(outcomes.get(in_flight)) for in_flight in group]


async def _verdict(outcome: steps.Outcome | None) -> Verdict | None:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome if outcome is None or isinstance(outcome, (Ack, Reschedule, DeadLetter)) else await outcome


async def _of_one(step: steps.Step, in_flight: InFlightJob) -> Verdict | None:
    (verdict,) = await _said(step, [in_flight])
    return verdict


def _in_flight(found: Route = KEPT, body: bytes = b'{"name":"a"}', times: int = 1, **headers: str) -> InFlightJob:
    in_flight = identify("probe", delivered(body=body, times=times, headers={"Job-Id": "one", **named(headers)}))
    in_flight.route = found
    return in_flight


async def test_a_dead_mark_is_carried_out() -> None:
    """Only on what comes by way of `later.`."""
    mark = {"Dead-Reason": "permanent", "Dead-Error": "never", "Dead-Attempts": "2"}
    marked = identify("probe", delivered(b"due.probe.run", headers=mark))
    assert await _said(steps.dead_mark, [marked, _in_flight()]) == [DeadLetter("permanent", "never", 2), None]


async def test_what_can_be_no_job_is_a_dead_letter() -> None:
    """With the reason that was found when its envelope was read."""
    verdict, others = await _said(steps.malformed, [_in_flight(Job_Attempt_Base="two"), _in_flight()])
    assert isinstance(verdict, DeadLetter)
    assert (verdict.reason, verdict.attempts) == ("invalid", 1)
    assert others is None


@pytest.mark.parametrize("times", [1, PERMITTED - 1])
def test_before_its_last_permitted_delivery_a_job_is_not_marked(times: int) -> None:
    """Nothing is asked of the database."""
    nobody: Any = None
    assert steps.crash_loop(nobody, PERMITTED, [_in_flight(times=times)]) == []


async def test_the_last_permitted_delivery_is_marked_and_the_next_is_a_crash_loop() -> None:
    """Unless somebody has cleared the mark."""
    guard: Any = FakeGuard()
    step = partial(steps.crash_loop, guard, PERMITTED)
    last = _in_flight(times=PERMITTED)
    assert await _of_one(step, last) is None
    assert last.marked
    verdict = await _of_one(step, _in_flight(times=PERMITTED + 1))
    assert isinstance(verdict, DeadLetter)
    assert verdict.reason == "crash-loop"
    assert "delivered 11 times" in verdict.error


def test_an_event_is_no_crash_loop() -> None:
    """It is retried by redelivery, without any limit."""
    nobody: Any = None
    event = identify("probe", delivered(b"cron.probe.daily", times=100))
    assert steps.crash_loop(nobody, PERMITTED, [event]) == []


async def test_a_type_without_handler_fails_and_says_what_may_have_been_meant() -> None:
    """It is a failed attempt, since another replica may have one."""
    with pytest.raises(UnknownTypeError, match=r"no handler for probe\.run; did you mean probe\.ran\?"):
        await _of_one(partial(steps.unknown_type, {"probe.ran": KEPT}), _in_flight(NO_ROUTE))


async def test_a_body_is_decoded() -> None:
    """The message is the contract's class."""
    in_flight = _in_flight()
    assert await _of_one(partial(steps.body, FakeObjectStore()), in_flight) is None
    assert in_flight.message == RunProbe(name="a")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"name":1}', "Expected `str`, got `int` - at `$.name`"),
        (b"  ", "the body is empty"),
        (b"\xff", "the body is not UTF-8"),
        (b"{", "Input data was truncated"),
        (b"[" * 100_000, ""),
    ],
)
async def test_a_body_that_breaks_its_contract_is_a_dead_letter(body: bytes, error: str) -> None:
    """It says where and why; nothing that was typed fells the worker."""
    good, bad = _in_flight(), _in_flight(body=body)
    verdict, other = await _said(partial(steps.body, FakeObjectStore()), [bad, good])
    assert isinstance(verdict, DeadLetter)
    assert verdict.reason == "invalid"
    assert error in verdict.error
    assert (other, good.message) == (None, RunProbe(name="a"))


async def test_a_decoder_that_fails_otherwise_fails_one_attempt() -> None:
    """The other jobs of the group are no worse for it."""

    def decode(_body: bytes) -> None:
        raise ZeroDivisionError

    bad = _in_flight(replace(KEPT, decode=decode))
    ((who, error),) = steps.body(FakeObjectStore(), [_in_flight(), bad])
    assert who is bad
    assert isinstance(error, ZeroDivisionError)


async def test_a_claim_check_is_fetched() -> None:
    """The body is the object's; a claim that names nothing is a dead letter."""
    objects = FakeObjectStore()
    key = await claim_check.put(objects, b'{"name":"long"}', datetime.now(UTC))
    in_flight = _in_flight(body=b"", Job_Claim=key)
    assert await _of_one(partial(steps.body, objects), in_flight) is None
    assert in_flight.message == RunProbe(name="long")
    verdict = await _of_one(partial(steps.body, FakeObjectStore()), _in_flight(body=b"", Job_Claim=key))
    assert isinstance(verdict, DeadLetter)
    assert "does not exist" in verdict.error


async def test_a_job_waits_for_another_delivery_of_itself() -> None:
    """Until that releases the key; meanwhile it can be released to another worker."""
    keys, first, second = KeyedLock(), _in_flight(), _in_flight()
    ((who, wait),) = steps.lock(keys, [first, second])
    assert who is second
    waiting = asyncio.ensure_future(_verdict(wait))
    await asyncio.sleep(0)
    assert (first.holds_lock, second.holds_lock, second.deadline) == (True, False, math.inf)
    keys.release(inbox.key_of(first.job))
    assert await waiting is None
    assert (second.holds_lock, second.deadline) == (True, None)


async def test_a_job_that_is_done_is_a_duplicate() -> None:
    """What its outbox still holds is published first."""
    committer: Any = FakeCommitter("one")
    settler: Any = FakeSettler()
    group = [_in_flight(), _in_flight(Job_Id="two")]
    assert await _said(partial(steps.look_up, committer, settler), group) == [DUPLICATE, None]
    assert settler.published == ["one"]


def _run(handler: Any, **options: Any) -> tuple[InFlightJob, Awaitable[None]]:
    found = route(RunProbe, handler, **options)
    in_flight = _in_flight(found)
    return in_flight, Handling(found, LIMITS)(in_flight)


async def test_a_handler_is_told_its_time_limit_and_whether_it_is_the_last_attempt() -> None:
    """The route's own, else the service's."""
    in_flight, running = _run(nothing, timeout_seconds=5.0, retries=Retries(most=1))
    await running
    assert in_flight.job.timeout is not None
    assert (in_flight.job.timeout.total_seconds(), in_flight.job.is_last_attempt) == (5.0, True)
    in_flight, running = _run(nothing)
    await running
    assert in_flight.job.timeout is not None
    assert (in_flight.job.timeout.total_seconds(), in_flight.job.is_last_attempt) == (60.0, False)
    assert in_flight.ending == DONE


async def test_skip_discards_what_was_recorded() -> None:
    """The job is still committed, so that it is done."""

    async def skip(_: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name="no"))
        raise Skip

    in_flight, running = _run(skip)
    await running
    assert (in_flight.ending, in_flight.job.follow_ups) == (SKIPPED, [])


async def test_a_cancellation_says_who_wanted_it() -> None:
    """The timer, or something inside of the handler."""

    async def cancelled(_: RunProbe, _job: Job) -> None:
        raise asyncio.CancelledError

    in_flight, running = _run(cancelled)
    with pytest.raises(InnerCancellationError):
        await running
    in_flight, running = _run(cancelled)
    in_flight.timed_out = True
    with pytest.raises(HandlerTimeoutError, match="longer than 60 s"):
        await running


async def test_a_commit_that_finds_the_job_done_is_a_duplicate() -> None:
    """Another worker was faster: its follow-ups are published, and nothing of this run is kept."""
    committer: Any = FakeCommitter()
    settler: Any = FakeSettler()
    step = partial(steps.commit, committer, settler)
    assert await _said(step, [_in_flight()]) == [None]
    assert await _said(step, [_in_flight(), _in_flight(Job_Id="two")]) == [DUPLICATE, None]
    assert settler.published == ["one"]


async def test_follow_ups_are_published_where_there_are_any() -> None:
    """Else the outbox is not even looked at."""
    settler: Any = FakeSettler()
    without, parent = _in_flight(Job_Id="without"), _in_flight()
    parent.job.enqueue(FollowProbe(name="next"))
    assert await _said(partial(steps.follow_ups, settler), [without, parent]) == [None, None]
    assert settler.published == ["one"]


async def test_what_has_something_to_give_back_ends_by_itself() -> None:
    """As it would have ended: giving back may take its time."""

    async def release() -> None:
        """Give nothing back."""

    without, holder = _in_flight(), _in_flight()
    holder.job.release_at_end(release)
    holder.ending = SKIPPED
    assert await _said(steps.give_back, [without, holder]) == [None, SKIPPED]

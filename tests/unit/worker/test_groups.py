"""A group of jobs takes its steps together; what is special leaves it, and its other jobs lose nothing by that."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import anyio
import pytest

from nightshift.messaging.job import Job
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Permanent, Unavailable
from nightshift.testing import FakeObjectStore
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.observer import JobObserver
from nightshift.worker.pipeline import Pipeline
from nightshift.worker.policies import JobLimits, Policies
from nightshift.worker.router import Route, route
from nightshift.worker.verdict import INTERRUPTED, Ack, DeadLetter, Reschedule, Verdict
from tests.harness import RunProbe, eventually
from tests.unit.worker.deliveries import delivered

Handler = Callable[[RunProbe, Job], Coroutine[Any, Any, None]]


class Database:
    """Commits what is not done; `groups` are the ids of each commit."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.groups: list[list[str]] = []
        self.failure: Exception | None = None

    async def are_done(self, jobs: Sequence[Job]) -> list[bool]:
        """See `Committer`."""
        return [job.id in self.done for job in jobs]

    async def commit_all(self, jobs: Sequence[Job]) -> list[bool | Exception]:
        """See `Committer`."""
        self.groups.append([job.id for job in jobs])
        if self.failure is not None:
            raise self.failure
        await asyncio.sleep(0)
        return [True for _ in jobs]


class Broker:
    """Settles deliveries; `acknowledged` are the ids of each group, `verdicts` of the others."""

    def __init__(self) -> None:
        self.acknowledged: list[list[str]] = []
        self.verdicts: dict[str, Verdict] = {}
        self.nakked: list[str] = []

    def acknowledge(self, group: Sequence[InFlightJob]) -> None:
        """See `Settler`."""
        self.acknowledged.append([in_flight.job.id for in_flight in group])

    async def settle(self, in_flight: InFlightJob, verdict: Verdict) -> Verdict:
        """See `Settler`."""
        self.verdicts[in_flight.job.id] = verdict
        return verdict

    async def nak(self, in_flight: InFlightJob, _delay: timedelta) -> None:
        """See `Settler`."""
        self.nakked.append(in_flight.job.id)

    async def publish_follow_ups(self, _job: Job) -> None:
        """See `Settler`."""


class Desk:
    """A pipeline with one type, and what became of its jobs, in the order of their ends."""

    def __init__(self, found: Route) -> None:
        self.database, self.broker = Database(), Broker()
        metrics = Metrics(["probe.run"])
        nobody: Any = None
        committer: Any = self.database
        settler: Any = self.broker
        self.pipeline = Pipeline(
            "probe",
            {"probe.run": found},
            committer=committer,
            settler=settler,
            guard=nobody,
            objects=FakeObjectStore(),
            observer=JobObserver(metrics, log_jobs=lambda _: None),
            circuit=CircuitBreaker({}, metrics),
            limits=JobLimits(),
            policies=Policies(),
        )
        self.ended: list[str] = []
        self.pipeline.endings.ended = lambda group: self.ended.extend(one.job.id for one in group)

    def identified(self, *bodies: bytes, ids: Sequence[str] = ()) -> list[InFlightJob]:
        """Return jobs 0, 1, 2 …, as they are received."""
        names = ids or [str(number) for number in range(len(bodies))]
        return [
            self.pipeline.identify(delivered(body=body, headers={"Job-Id": name}))
            for name, body in zip(names, bodies, strict=True)
        ]

    async def run(self, *bodies: bytes, ids: Sequence[str] = ()) -> list[InFlightJob]:
        """Start jobs 0, 1, 2 … together; return them when all have ended."""
        group = self.identified(*bodies, ids=ids)
        self.pipeline.start(group)
        await eventually(lambda: len(self.ended) == len(group))
        return group


BODY = b'{"name":"a"}'


def desk(handler: Handler, *, inbox: bool = True) -> Desk:
    """A pipeline with this handler."""
    return Desk(route(RunProbe, handler, inbox=inbox))


async def nothing(_: RunProbe, _job: Job) -> None:
    """Do nothing."""


async def test_what_comes_together_is_committed_and_acknowledged_together() -> None:
    """One look-up, one commit and one write to the broker, whatever their number."""
    ours = desk(nothing)
    await ours.run(*[BODY] * 10)
    names = [str(number) for number in range(10)]
    assert (ours.database.groups, ours.broker.acknowledged, ours.ended) == ([names], [names], names)


async def test_handlers_that_never_wait_share_a_task() -> None:
    """A task is what costs most of a small job."""
    tasks: set[asyncio.Task[Any] | None] = set()

    async def note(_: RunProbe, _job: Job) -> None:
        tasks.add(asyncio.current_task())

    await desk(note).run(*[BODY] * 10)
    assert len(tasks) == 1


@pytest.mark.parametrize("waiting", [{0}, {4}, {9}, {0, 4}, {3, 7}, set(range(10))])
async def test_a_handler_that_waits_holds_up_nobody(waiting: set[int]) -> None:
    """Those before it are committed, those behind it run; while it waits, its task is its own."""
    gate = asyncio.Event()
    tasks: dict[int, asyncio.Task[Any] | None] = {}

    async def wait(_: RunProbe, job: Job) -> None:
        if int(job.id) in waiting:
            tasks[int(job.id)] = asyncio.current_task()
            await gate.wait()
            assert asyncio.current_task() is tasks[int(job.id)]

    ours = desk(wait)
    running = asyncio.create_task(ours.run(*[BODY] * 10))
    await eventually(lambda: len(ours.ended) == 10 - len(waiting) and len(tasks) == len(waiting))
    assert {int(name) for name in ours.ended} == set(range(10)) - waiting
    assert len(set(tasks.values())) == len(waiting)
    gate.set()
    assert all(in_flight.verdict == Ack() for in_flight in await running)
    assert sorted(name for group in ours.broker.acknowledged for name in group) == [str(n) for n in range(10)]


async def test_only_the_handler_that_exceeds_its_time_is_cancelled() -> None:
    """The task that is cancelled is that of no other job, however many began together."""
    gate = asyncio.Event()

    async def wait(_: RunProbe, _job: Job) -> None:
        await gate.wait()

    ours = desk(wait)
    group = ours.identified(*[BODY] * 3)
    ours.pipeline.start(group)
    await eventually(lambda: all(in_flight.deadline is not None for in_flight in group))
    group[1].release()
    group[2].tick(1e18, float("inf"))
    await eventually(lambda: len(ours.ended) == 2)
    gate.set()
    await eventually(lambda: len(ours.ended) == 3)
    outcomes = {name: verdict.outcome for name, verdict in ours.broker.verdicts.items()}
    assert outcomes == {"1": "handed-back", "2": "retry"}
    assert "longer than 900 s" in _error(ours.broker.verdicts["2"])
    assert ours.broker.acknowledged == [["0"]]


def _error(verdict: Verdict) -> str:
    return verdict.error if isinstance(verdict, (Reschedule, DeadLetter)) else ""


async def test_a_failure_is_the_failure_of_one_job() -> None:
    """The others are committed without it."""

    async def fail_once(_: RunProbe, job: Job) -> None:
        if job.id == "1":
            raise Permanent("no")

    ours = desk(fail_once)
    await ours.run(*[BODY] * 3)
    assert ours.broker.verdicts == {"1": DeadLetter("permanent", "no", 1)}
    assert ours.database.groups == [["0", "2"]]


async def test_a_bad_body_leaves_its_group_before_the_handler() -> None:
    """Its dead letter is stored while the others go on."""
    ours = desk(nothing)
    await ours.run(BODY, b"{", BODY)
    assert list(ours.broker.verdicts) == ["1"]
    assert ours.broker.acknowledged == [["0", "2"]]


async def test_a_duplicate_leaves_its_group() -> None:
    """It was done before: its handler does not run."""
    ran: list[str] = []

    async def note(_: RunProbe, job: Job) -> None:
        ran.append(job.id)

    ours = desk(note)
    ours.database.done.add("1")
    await ours.run(*[BODY] * 3)
    assert ran == ["0", "2"]
    assert ours.broker.verdicts == {"1": Ack("duplicate")}


async def test_the_same_job_twice_in_one_group_runs_one_after_the_other() -> None:
    """Both would find no row in the inbox, and both do their outside work."""
    running = most = 0

    async def count(_: RunProbe, _job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    ours = desk(count)
    await ours.run(BODY, BODY, ids=["a", "a"])
    assert most == 1
    assert ours.ended == ["a", "a"]


async def test_an_outage_is_everybodys_and_costs_no_attempt() -> None:
    """Each job of the group runs again later."""
    ours = desk(nothing)
    ours.database.failure = Unavailable("database", "a test")
    await ours.run(*[BODY] * 3)
    assert [verdict.outcome for verdict in ours.broker.verdicts.values()] == ["unavailable"] * 3


async def test_no_job_sees_the_context_of_another() -> None:
    """Although they share a task: what one handler sets there is gone for the next."""
    variable: ContextVar[str] = ContextVar("variable", default="clean")
    seen: list[str] = []

    async def leak(_: RunProbe, job: Job) -> None:
        seen.append(variable.get())
        variable.set(job.id)

    await desk(leak).run(*[BODY] * 5)
    assert seen == ["clean"] * 5


async def test_handlers_that_take_long_let_the_loop_have_its_turn() -> None:
    """Progress, other jobs' ends and the broker's messages wait for a few milliseconds, and not for all of them."""
    beats: list[int] = []
    ended = 0

    async def compute(_: RunProbe, _job: Job) -> None:
        nonlocal ended
        ended += 1
        sum(range(300_000))

    async def beat() -> None:
        while True:
            beats.append(ended)
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    await desk(compute).run(*[BODY] * 20)
    beating.cancel()
    assert len(set(beats)) > 5


async def test_an_error_of_the_worker_loses_no_job_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is delivered again."""
    ours = desk(nothing)

    def broken(_group: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ours.broker, "acknowledge", broken)
    await ours.run(*[BODY] * 3)
    assert ours.broker.nakked == ["0", "1", "2"]
    assert ours.ended == ["0", "1", "2"]


async def test_those_that_waited_are_committed_together_where_they_end_together() -> None:
    """Their tasks were their own; what follows is everybody's again."""
    gate = asyncio.Event()

    async def wait(_: RunProbe, _job: Job) -> None:
        await gate.wait()

    ours = desk(wait)
    group = ours.identified(*[BODY] * 10)
    ours.pipeline.start(group)
    await eventually(lambda: all(in_flight.deadline is not None for in_flight in group))
    gate.set()
    await eventually(lambda: len(ours.ended) == 10)
    names = {str(number) for number in range(10)}
    assert [set(group) for group in ours.database.groups] == [names]
    assert [set(group) for group in ours.broker.acknowledged] == [names]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_handler_that_cancels_its_own_task_cancels_no_other_job(*, waits: bool) -> None:
    """The group goes on in another task; the job itself has returned, and is done."""

    async def cancel_once(_: RunProbe, job: Job) -> None:
        if job.id == "1":
            if waits:
                await asyncio.sleep(0)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    ours = desk(cancel_once)
    group = await ours.run(*[BODY] * 4)
    assert [in_flight.verdict for in_flight in group] == [Ack()] * 4


async def test_a_time_limit_inside_a_handler_ends_what_it_waits_for_and_nothing_else() -> None:
    """`asyncio.timeout` cancels the task in which it was entered: that has to be the handler's still when it fires."""
    timed_out: list[str] = []

    async def hurry(_: RunProbe, job: Job) -> None:
        if int(job.id) % 2:
            return
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            timed_out.append(job.id)

    ours = desk(hurry)
    group = await ours.run(*[BODY] * 8)
    assert sorted(timed_out) == ["0", "2", "4", "6"]
    assert [in_flight.verdict for in_flight in group] == [Ack()] * 8


async def test_what_a_job_has_to_give_back_is_given_back_before_its_end_and_holds_up_no_other() -> None:
    """However long that takes."""
    gate = asyncio.Event()

    async def take(_: RunProbe, job: Job) -> None:
        if job.id == "1":

            async def release() -> None:
                await gate.wait()

            job.release_at_end(release)

    ours = desk(take)
    ours.pipeline.start(ours.identified(*[BODY] * 3))
    await eventually(lambda: ours.ended == ["0", "2"])
    gate.set()
    await eventually(lambda: ours.ended == ["0", "2", "1"])
    assert ours.broker.verdicts == {"1": Ack()}


async def test_a_worker_that_gives_up_waiting_ends_every_job_of_a_task() -> None:
    """None stays in flight for ever, although only one of them was waited for."""

    async def nothing_else(_: RunProbe, _job: Job) -> None:
        """Do nothing."""

    ours = desk(nothing_else)
    stuck = asyncio.Event()

    async def commit_all(jobs: Sequence[Job]) -> list[bool | Exception]:
        await stuck.wait()
        return [True for _ in jobs]

    ours.database.commit_all = commit_all  # type: ignore[method-assign]  # never returns
    group = ours.identified(*[BODY] * 3)
    ours.pipeline.start(group)
    for _ in range(10):
        await asyncio.sleep(0)
    task = group[0].task
    assert task is not None
    task.cancel()
    await eventually(lambda: len(ours.ended) == 3)
    assert {in_flight.verdict for in_flight in group} == {INTERRUPTED}


async def test_scopes_and_groups_of_tasks_of_anyio_work_in_a_handler() -> None:
    """Httpx is built on them: they cancel, and find out where they run, by the task that a handler is in."""
    ended: dict[str, str] = {}

    async def scoped(_: RunProbe, job: Job) -> None:
        if int(job.id) % 3 == 0:
            with anyio.move_on_after(0.001) as scope:
                await anyio.sleep_forever()
            ended[job.id] = f"cut off: {scope.cancelled_caught}"
        elif int(job.id) % 3 == 1:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
            ended[job.id] = "two tasks"

    ours = desk(scoped)
    group = await ours.run(*[BODY] * 12)
    assert [in_flight.verdict for in_flight in group] == [Ack()] * 12
    assert [ended.get(str(number)) for number in range(3)] == ["cut off: True", "two tasks", None]
    assert len(ended) == 8

"""A failed attempt is made again later, a few times; then the job is a dead letter that tells its story."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from nightshift.backoff import Backoff, Retries
from nightshift.broker.jetstream import store
from nightshift.messaging.job import Job
from nightshift.worker.policies import JobLimits, Policies
from nightshift.worker.router import route
from tests.harness import RECORD, FollowProbe, Harness, RunProbe, count, eventually
from tests.integration.worker.conftest import Work

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BODY = b'{"name":"a","colour":"blue"}'


FOUR = Retries(most=4)


class Hours(Backoff):
    """One hour for each attempt."""

    def delay(self, attempt: int) -> timedelta:
        """See `Backoff`."""
        return timedelta(hours=attempt)


class Asked(Backoff):
    """A moment for each attempt; `attempts` holds the attempts that it was asked about."""

    attempts: list[int]

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "attempts", [])

    def delay(self, attempt: int) -> timedelta:
        """See `Backoff`."""
        self.attempts.append(attempt)
        return timedelta(milliseconds=20)


class Flaky:
    """A handler that fails so many times; `attempts` holds the attempt numbers that it saw."""

    def __init__(self, failures: int = 1_000) -> None:
        self.failures = failures
        self.attempts: list[int] = []

    async def __call__(self, message: RunProbe, job: Job) -> None:
        """Records, enqueues, and fails or not."""
        self.attempts.append(job.attempt)
        job.write(RECORD, {"action": message.name})
        job.enqueue(FollowProbe(name="after"))
        if len(self.attempts) <= self.failures:
            raise ConnectionError("the other side hung up")


async def _publish(harness: Harness, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    await store(harness.connection, "jobs.probe.run", named, BODY)


@pytest.mark.usefixtures("soon")
async def test_a_job_that_fails_twice_succeeds_at_its_third_attempt(work: Work) -> None:
    """Each attempt knows its number, and only the effects of the one that returned are there."""
    flaky = Flaky(failures=2)
    followed: list[str] = []

    async def follow(message: FollowProbe, _: Job) -> None:
        followed.append(message.name)

    async with work({RunProbe: flaky, FollowProbe: follow}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.empty()
        assert flaky.attempts == [1, 2, 3]
        assert await harness.effects() == ["a"]
        assert followed == ["after"]
        assert harness.outcomes() == {"retry": 2, "done": 1}


@pytest.mark.usefixtures("soon")
async def test_after_the_last_attempt_a_job_is_a_dead_letter_with_its_story(work: Work) -> None:
    """Here the fourth; the letter says why, what went wrong, how often, where from and when."""
    flaky = Flaky()
    async with work({RunProbe: route(RunProbe, flaky, retries=FOUR)}) as harness:
        await _publish(harness, Job_Id="one", traceparent=TRACE, X_Team="red")
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert flaky.attempts == [1, 2, 3, 4]
        assert await harness.effects() == []
        assert await harness.outbox() == []
        assert await harness.inbox() == []

    died = datetime.fromisoformat(letter.headers.pop("Dead-Time"))
    assert abs(datetime.now(UTC) - died) < timedelta(minutes=1)
    assert letter.headers.pop("Nats-Msg-Id").startswith("dead:PROBE_LATER:")
    assert letter.headers.pop("Dead-Sequence").isdigit()
    assert letter.headers == {
        "Job-Id": "one",
        "traceparent": TRACE,
        "X-Team": "red",
        "Dead-Reason": "attempts-exhausted",
        "Dead-Error": "ConnectionError: the other side hung up",
        "Dead-Attempts": "4",
        "Dead-Subject": "jobs.probe.run",
        "Dead-Stream": "PROBE_LATER",
    }
    assert letter.subject == "dead.probe.run"
    assert letter.body == BODY


async def test_a_failed_job_waits_as_a_schedule_that_shows_its_attempts(work: Work) -> None:
    """The copy has the job's id in its subject, keeps body and headers, and drops what was an order to the broker."""
    policies = Policies(retry=Hours())
    async with work({RunProbe: Flaky()}, policies=policies) as harness:
        orders = {"Nats_Msg_Id": "typed", "Nats_Expected_Stream": "PROBE", "Job_Attempt_Base": "1"}
        await _publish(harness, Job_Id="one", traceparent=TRACE, X_Team="red", **orders)
        await eventually(lambda: harness.outcomes() == {"retry": 1})
        (waiting,) = await harness.stored("PROBE_LATER")
        assert await count(harness.connection, "PROBE") == 0

    due = datetime.fromisoformat(waiting.headers.pop("Nats-Schedule").removeprefix("@at "))
    assert timedelta(minutes=119) < due - datetime.now(UTC) < timedelta(minutes=121)
    assert waiting.headers.pop("Nats-Msg-Id").startswith("again:PROBE:1:")
    assert waiting.headers.pop("Nats-Rollup") == "sub", "the broker adds this to every schedule"
    assert waiting.headers == {
        "Nats-Schedule-Target": "due.probe.run",
        "Job-Id": "one",
        "Job-Attempt-Base": "2",
        "traceparent": TRACE,
        "X-Team": "red",
    }
    assert (waiting.subject, waiting.body) == ("later.probe.run.one", BODY)


async def test_a_waiting_retry_holds_no_slot(work: Work) -> None:
    """While a failed job waits, the one slot works off the next."""
    flaky = Flaky(failures=1)
    async with work({RunProbe: flaky, FollowProbe: flaky}, slots=1) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.publisher.publish(RunProbe(name="b"), job_id="two")
        await eventually(lambda: harness.outcomes().get("done"))
        assert "b" in await harness.effects()


async def test_a_waiting_retry_can_be_cancelled(work: Work) -> None:
    """A job between two attempts is cancelled like any other that waits for its time."""
    async with work({RunProbe: Flaky()}, policies=Policies(retry=Hours())) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await eventually(lambda: harness.outcomes() == {"retry": 1})
        assert await harness.publisher.cancel("probe.run", "one")
        assert not await harness.publisher.cancel("probe.run", "one")
        await harness.empty()


async def test_the_wait_grows_with_the_attempts(work: Work) -> None:
    """The policy is asked with the number of the attempt that failed, whatever copy of the job it was."""
    asked = Asked()
    table = {RunProbe: route(RunProbe, Flaky(), retries=FOUR)}
    async with work(table, policies=Policies(retry=asked)) as harness:
        await _publish(harness)
        await harness.dead_letters()
    assert asked.attempts == [1, 2, 3]


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("of_process", "of_type", "attempts"), [(0, 40, 1), (1, 40, 2), (None, 1, 1), (2, 1, 3)])
async def test_how_many_attempts_there_are_is_settable(
    work: Work, of_process: int | None, of_type: int, attempts: int
) -> None:
    """The type says it, unless the operator has set MAX_RETRIES, which is for all types."""
    flaky = Flaky()
    table = {RunProbe: route(RunProbe, flaky, retries=Retries(most=of_type))}
    async with work(table, limits=JobLimits(of_process, 60.0)) as harness:
        await _publish(harness)
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Attempts"] == str(len(flaky.attempts)) == str(attempts)


@pytest.mark.parametrize("attempt", [1, 4, 39])
async def test_the_pause_that_an_attempt_gets_is_its_types(work: Work, attempt: int) -> None:
    """The copy for later is due within what the policy says of this attempt; here it cannot be less than half."""

    class AtLeastHalf(random.Random):
        def uniform(self, low: float, high: float) -> float:
            return super().uniform(low + (high - low) / 2, high)

    retries = Retries(most=40, base=60, factor=3, ceiling=7200)
    longest = min(7200, 60 * 3 ** (attempt - 1))
    policies = Policies(retry=replace(retries.backoff, rng=AtLeastHalf()))
    table = {RunProbe: route(RunProbe, Flaky(), retries=retries)}
    async with work(table, policies=policies, limits=JobLimits()) as harness:
        await _publish(harness, Job_Attempt_Base=str(attempt - 1))
        await eventually(lambda: harness.outcomes() == {"retry": 1})
        (waiting,) = await harness.stored("PROBE_LATER")
    due = datetime.fromisoformat(waiting.headers["Nats-Schedule"].removeprefix("@at "))
    assert longest / 2 - 10 < (due - datetime.now(UTC)).total_seconds() <= longest


@pytest.mark.usefixtures("soon")
async def test_the_error_of_a_dead_letter_is_one_short_ascii_line(work: Work) -> None:
    """Whatever the exception says: line breaks and other scripts are written in ASCII, at most 1 KB, no password."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        raise RuntimeError(f"{job.id}: größer\r\nDead-Reason: none\n postgresql://u:hunter2@db/x " + "long " * 500)

    async with work({RunProbe: run_probe}, limits=JobLimits(0, 60.0)) as harness:
        await _publish(harness, Job_Id="one")
        (letter,) = await harness.dead_letters()
    error = letter.headers["Dead-Error"]
    assert error.startswith(r"RuntimeError: one: gr\xf6\xdfer Dead-Reason: none postgresql://***@db/x long")
    assert error.isascii()
    assert len(error) <= 1024
    assert letter.headers["Dead-Reason"] == "attempts-exhausted"


@pytest.mark.usefixtures("soon")
async def test_an_exception_inside_an_effect_is_a_failed_attempt(work: Work) -> None:
    """What a step of the transaction raises rolls back all that is of this job, and nothing of another."""
    calls = SimpleNamespace(count=0)

    async def run_probe(message: RunProbe, job: Job) -> None:
        async def decide(_: object) -> None:
            calls.count += 1
            if message.name == "bad":
                raise LookupError("no such row")

        job.write(RECORD, {"action": message.name})
        job.run_in_transaction(decide)

    async with work({RunProbe: run_probe}, limits=JobLimits(1, 60.0)) as harness:
        await harness.publisher.publish_many([RunProbe(name=name) for name in ("a", "bad", "b")])
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert letter.headers["Dead-Error"] == "LookupError: no such row"
        assert await harness.effects() == ["a", "b"]
        assert len(await harness.inbox()) == 2

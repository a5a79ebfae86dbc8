"""Events of schedules: a handler turns them into jobs, and fails only for as long as something of ours is away."""

import pytest

from nightshift.broker.jetstream import store
from nightshift.contract.cron import ScheduleFired
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Unavailable
from nightshift.worker.policies import JobLimits
from tests.harness import FollowProbe, Harness, RunProbe, eventually
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import never, record

DAILY = "cron.probe.daily"
EVENT = (
    b'{"name":"probe.daily","schedule":"0 0 * * *","timeZone":"UTC",'
    b'"due":"2026-03-29T00:00:00Z","announced":"2026-03-29T00:00:00.012Z"}'
)


async def run_daily(event: ScheduleFired, job: Job) -> None:
    """Enqueues the job that does the work."""
    job.enqueue(RunProbe(name=event.name), job_id=f"daily-{event.due:%Y-%m-%d}")


async def _fire(harness: Harness, subject: str = DAILY, body: bytes = EVENT, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    await store(harness.connection, subject, named, body)


async def test_an_event_becomes_the_jobs_that_its_handler_enqueues(work: Work) -> None:
    """An event that is announced twice is handled once."""
    async with work({DAILY: run_daily, RunProbe: record}) as harness:
        await _fire(harness, Nats_Msg_Id="probe.daily@2026-03-29T00:00:00Z")
        await _fire(harness, Nats_Msg_Id="other", Job_Id="probe.daily@2026-03-29T00:00:00Z")
        await eventually(harness.effects)
        await eventually(lambda: harness.outcomes(None) == {"done": 1, "duplicate": 1})
        await harness.empty()
        assert await harness.effects() == ["probe.daily"]
        assert ("probe.run", "daily-2026-03-29") in await harness.inbox()


async def test_an_event_asked_for_by_hand_is_handled_alike(work: Work) -> None:
    """`cron.<name>.manual` goes to the handler of `cron.<name>`; each time anew, since it has an id of its own."""
    seen: list[str] = []

    async def run_probe(event: ScheduleFired, job: Job) -> None:
        seen.append(job.type)
        job.enqueue(RunProbe(name=event.name))

    async with work({DAILY: run_probe, RunProbe: record}) as harness:
        for _ in range(2):
            await _fire(harness, f"{DAILY}.manual")
        await eventually(lambda: len(seen) == 2)
        await eventually(lambda: harness.outcomes() == {"done": 2})
        assert seen == [DAILY, DAILY]
        assert await harness.effects() == ["probe.daily", "probe.daily"]


@pytest.mark.usefixtures("soon")
async def test_a_failing_event_comes_again_without_limit(work: Work) -> None:
    """Far beyond the retries and the ten lives of a job; it waits at the broker, is no dead letter, and is done."""
    attempts: list[int] = []

    async def run_probe(event: ScheduleFired, job: Job) -> None:
        attempts.append(job.attempt)
        job.enqueue(RunProbe(name=event.name))
        if len(attempts) <= 12:
            raise ConnectionError("not today")

    async with work({DAILY: run_probe, RunProbe: record}, limits=JobLimits(1, 60.0)) as harness:
        await _fire(harness)
        await eventually(harness.effects)
        assert attempts == list(range(1, 14))
        assert harness.outcomes(None) == {"retry": 12, "done": 1}
        assert await harness.stored("PROBE_LATER") == []
        assert await harness.stored("CRON_DLQ") == []


@pytest.mark.usefixtures("soon")
async def test_an_event_that_meets_an_outage_waits(work: Work) -> None:
    """The circuit opens, and the event comes again when the component answers."""
    failed = False

    async def run_probe(event: ScheduleFired, job: Job) -> None:
        nonlocal failed
        job.enqueue(RunProbe(name=event.name))
        if not failed:
            failed = True
            raise Unavailable("database", "a test")

    async with work({DAILY: run_probe, RunProbe: record}) as harness:
        await _fire(harness)
        await eventually(harness.effects)
        outcomes = harness.outcomes(None)
        assert (outcomes.pop("done"), set(outcomes)) == (1, {"unavailable"})
        await eventually(lambda: harness.parts.circuit.closed)


@pytest.mark.usefixtures("soon")
async def test_an_unknown_event_is_a_dead_letter_after_the_retries(work: Work) -> None:
    """It goes to dead.cron.<name>, with what may have been meant."""
    async with work({DAILY: never}) as harness:
        await _fire(harness, "cron.probe.dayly", Job_Id="one")
        (letter,) = await harness.dead_letters(stream="CRON_DLQ")
        assert letter.subject == "dead.cron.probe.dayly"
        assert letter.headers["Dead-Reason"] == "unknown-type"
        assert "did you mean cron.probe.daily?" in letter.headers["Dead-Error"]
        assert letter.headers["Dead-Attempts"] == "4"
        assert letter.headers["Dead-Subject"] == "cron.probe.dayly"
        assert letter.headers["Job-Id"] == "one"
        assert letter.body == EVENT


@pytest.mark.parametrize(
    ("body", "reason", "error"),
    [(b"{}", "invalid", "missing required field `name`"), (EVENT, "permanent", "there is no such report")],
)
async def test_an_event_that_can_never_be_handled_is_a_dead_letter_at_once(
    work: Work, body: bytes, reason: str, error: str
) -> None:
    """Nobody waits for it for ever."""

    async def run_probe(_: ScheduleFired, _job: Job) -> None:
        raise Permanent("there is no such report")

    async with work({DAILY: run_probe}) as harness:
        await _fire(harness, body=body)
        (letter,) = await harness.dead_letters(stream="CRON_DLQ")
        assert letter.subject == "dead.cron.probe.daily"
        assert letter.headers["Dead-Reason"] == reason
        assert error in letter.headers["Dead-Error"]


async def test_an_event_in_hand_is_handed_back_when_its_worker_stops(work: Work) -> None:
    """Another worker handles it at once."""
    begun: list[str] = []

    async def slow(_: ScheduleFired, job: Job) -> None:
        begun.append(job.id)
        job.enqueue(FollowProbe(name="never"))
        await eventually(lambda: False)

    async with work({DAILY: slow}) as first:
        await _fire(first)
        await eventually(lambda: begun)
        await first.parts.worker.drain(0)
        assert first.outcomes(None) == {"handed-back": 1}
        async with work({DAILY: run_daily, RunProbe: record}, fresh=False) as second:
            await eventually(second.effects)
            assert second.outcomes(None) == {"done": 1}

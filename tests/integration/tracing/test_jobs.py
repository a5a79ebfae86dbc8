"""The spans of a job, and how they are linked."""

import re
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from nightshift.broker.jetstream import store
from nightshift.messaging.job import Job
from nightshift.outcomes import Snooze
from nightshift.worker.policies import JobLimits
from tests.harness import FollowProbe, RunProbe
from tests.integration.tracing.conftest import Work
from tests.integration.tracing.recorded import (
    Recorded,
    attributes,
    links,
    parent_id,
    span_id,
    trace_id,
)
from tests.repository import ROOT

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENDER = 0xB7AD6B7169203331
HEADER = f"00-{TRACE}-{SENDER:016x}-01"
BODY = b'{"name":"hush-hush","number":7}'


async def nothing(_: Any, _job: Job) -> None:
    """Does nothing."""


async def follow(message: RunProbe, job: Job) -> None:
    """Enqueues one job for now and one for later."""
    job.enqueue(FollowProbe(name=message.name))


def documented() -> set[str]:
    """The attributes that the operations page lists."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.partition("| attribute | means |\n|---|---|\n")[2].partition("\n\n")[0]
    return {name for row in table.splitlines() for name in re.findall(r"`(.*?)`", row.split("|")[1])}


async def test_a_job_has_a_span_with_the_attributes_of_the_conventions(work: Work, recorded: Recorded) -> None:
    """Child of the span that sent it, and linked with it; neither the body nor foreign headers are in it."""
    async with work({RunProbe: nothing}) as harness:
        headers = {"Job-Id": "one", "traceparent": HEADER, "X-Team": "hush-hush"}
        await store(harness.connection, "jobs.probe.run", headers, BODY)
        span = await recorded.one("process probe.run")
    assert span.kind is SpanKind.CONSUMER
    assert (trace_id(span), parent_id(span), links(span)) == (TRACE, SENDER, [SENDER])
    assert attributes(span) == {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "jobs.probe.run",
        "messaging.consumer.group.name": "probe",
        "messaging.message.id": "one",
        "messaging.message.body.size": len(BODY),
        "nightshift.job.type": "probe.run",
        "nightshift.job.attempt": 1,
        "nightshift.job.outcome": "done",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "hush" not in span.to_json()


async def test_a_follow_up_job_descends_from_its_parents_span(work: Work, recorded: Recorded) -> None:
    """Sent, worked off, sent, worked off: each span is the child of the one before."""
    async with work({RunProbe: follow, FollowProbe: nothing}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        last = await recorded.one("process probe.follow")
        names = ("send probe.run", "process probe.run", "send probe.follow")
        chain = [*[await recorded.one(name) for name in names], last]
    assert parent_id(chain[0]) is None
    assert [parent_id(span) for span in chain[1:]] == [span_id(span) for span in chain[:-1]]
    assert len({trace_id(span) for span in chain}) == 1
    assert [span.kind for span in chain] == [SpanKind.PRODUCER, SpanKind.CONSUMER] * 2
    sent = attributes(chain[2])
    assert str(sent.pop("messaging.message.id")).startswith("probe/probe.run/one/0/")
    assert sent == {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": "jobs.probe.follow",
        "messaging.message.body.size": len(b'{"name":"a"}'),
        "nightshift.job.type": "probe.follow",
    }


@pytest.mark.usefixtures("soon")
async def test_attempts_stand_beside_each_other_below_the_sender(work: Work, recorded: Recorded) -> None:
    """Each says which it is and how it failed, without secrets; the dead letter keeps the sender's trace."""

    async def failing(_: RunProbe, _job: Job) -> None:
        raise LookupError("no such account, password=correct-horse")

    async with work({RunProbe: failing}, limits=JobLimits(2, 60)) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": "one", "traceparent": HEADER}, BODY)
        (letter,) = await harness.dead_letters()
        spans = await recorded.ended("process probe.run", 3)
    assert {(trace_id(span), parent_id(span)) for span in spans} == {(TRACE, SENDER)}
    assert letter.headers["traceparent"] == HEADER
    told = [(attributes(span)["nightshift.job.attempt"], attributes(span)["nightshift.job.outcome"]) for span in spans]
    assert told == [(1, "retry"), (2, "retry"), (3, "dead")]
    for span in spans:
        assert attributes(span)["error.type"] == "LookupError"
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "LookupError: no such account, password=***"
    assert attributes(spans[1])["messaging.destination.name"] == "due.probe.run"
    assert documented() == set(attributes(spans[1]))


@pytest.mark.usefixtures("soon")
async def test_attempts_share_a_trace_when_the_sender_had_none(work: Work, recorded: Recorded) -> None:
    """The first one's is carried on."""

    async def once_failing(_: RunProbe, job: Job) -> None:
        if job.attempt < 3:
            raise ValueError(job.attempt)

    async with work({RunProbe: once_failing}) as harness:
        await store(harness.connection, "jobs.probe.run", {}, BODY)
        first, *others = await recorded.ended("process probe.run", 3)
    assert parent_id(first) is None
    assert links(first) == []
    assert [(trace_id(span), parent_id(span)) for span in others] == [(trace_id(first), span_id(first))] * 2
    assert [span.status.status_code for span in others] == [StatusCode.ERROR, StatusCode.UNSET]


async def test_a_handlers_own_spans_are_children_of_its_jobs_span(work: Work, recorded: Recorded) -> None:
    """Through the library's usual means; two jobs at a time do not meet."""
    tracer = recorded.provider.get_tracer("handler")

    async def asking(message: RunProbe, job: Job) -> None:
        get_current_span().set_attribute("probe.name", message.name)
        with tracer.start_as_current_span(f"ask for {message.name}"):
            pass
        job.run_in_transaction(own_effect)

    async def own_effect(_: Any) -> None:
        assert not get_current_span().get_span_context().is_valid  # many jobs' effects share a transaction

    async with work({RunProbe: asking}) as harness:
        for name in ("a", "b"):
            await harness.publisher.publish(RunProbe(name=name))
        spans = await recorded.ended("process probe.run", 2)
        inner = {name: await recorded.one(f"ask for {name}") for name in ("a", "b")}
    for span in spans:
        assert parent_id(inner[attributes(span)["probe.name"]]) == span_id(span)
        assert attributes(span)["nightshift.job.outcome"] == "done"


async def test_what_anybody_may_type_names_no_span(work: Work, recorded: Recorded) -> None:
    """A type without a handler is told by its attribute; the span's name and destination stay few."""
    async with work({RunProbe: nothing}, limits=JobLimits(0, 60)) as harness:
        await store(harness.connection, "jobs.probe.r2d2", {"Job-Id": "api_key=abc-def-ghi"}, b"{}")
        span = await recorded.one("process unknown")
    told = attributes(span)
    assert told["messaging.destination.name"] == "PROBE"
    assert told["nightshift.job.type"] == "probe.r2d2"
    assert told["messaging.message.id"] == "api_key=***"
    assert (told["nightshift.job.outcome"], told["error.type"]) == ("dead", "UnknownTypeError")


async def test_a_body_that_breaks_its_contract_is_an_error_of_its_own_type(work: Work, recorded: Recorded) -> None:
    """The dead letter's reason."""
    async with work({RunProbe: nothing}) as harness:
        await store(harness.connection, "jobs.probe.run", {}, b'{"name": 1}')
        span = await recorded.one("process probe.run")
    assert attributes(span)["error.type"] == "invalid"


async def test_not_yet_is_no_error(work: Work, recorded: Recorded) -> None:
    """A snooze is what the handler wanted."""

    async def snoozing(_: RunProbe, _job: Job) -> None:
        raise Snooze(timedelta(hours=1), "not yet")

    async with work({RunProbe: snoozing}) as harness:
        await store(harness.connection, "jobs.probe.run", {}, BODY)
        span = await recorded.one("process probe.run")
    assert attributes(span)["nightshift.job.outcome"] == "snooze"
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in attributes(span)


async def test_a_sender_that_is_not_recorded_has_no_recorded_jobs(work: Work, recorded: Recorded) -> None:
    """Its decision holds for all that follows, which carries it on."""
    seen: list[str] = []

    async def noting(_: FollowProbe, job: Job) -> None:
        seen.append(job.trace["traceparent"])

    async with work({RunProbe: follow, FollowProbe: noting}) as harness:
        headers = {"traceparent": HEADER.removesuffix("01") + "00"}
        await store(harness.connection, "jobs.probe.run", headers, BODY)
        await harness.empty()
    assert [(header[3:35], header[-2:]) for header in seen] == [(TRACE, "00")]
    assert recorded.exporter.get_finished_spans() == ()


async def test_a_job_sent_with_a_trace_of_its_own_keeps_it(work: Work, recorded: Recorded) -> None:
    """Whoever gives it one has a span for the sending already."""
    async with work({RunProbe: nothing}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), headers={"traceparent": HEADER})
        span = await recorded.one("process probe.run")
    assert parent_id(span) == SENDER
    assert recorded.named("send probe.run") == []


async def test_each_job_of_a_batch_is_sent_in_a_span_of_its_own(work: Work, recorded: Recorded) -> None:
    """So that each is the sender of one job."""
    async with work({RunProbe: nothing}) as harness:
        await harness.publisher.publish_many([RunProbe(name=name) for name in "abc"])
        sent = await recorded.ended("send probe.run", 3)
        worked = await recorded.ended("process probe.run", 3)
    assert {parent_id(span) for span in worked} == {span_id(span) for span in sent}


async def test_a_delayed_job_belongs_to_the_trace_of_who_sent_it(work: Work, recorded: Recorded) -> None:
    """Named after where it will be found, and not after the subject of its own on which it waits."""
    async with work({RunProbe: nothing}) as harness:
        await harness.publisher.publish_later(RunProbe(name="a"), delay=timedelta(milliseconds=50), job_id="one")
        worked = await recorded.one("process probe.run")
        sent = await recorded.one("send probe.run")
    assert attributes(sent)["messaging.destination.name"] == "due.probe.run"
    assert attributes(worked)["messaging.destination.name"] == "due.probe.run"
    assert (trace_id(worked), parent_id(worked)) == (trace_id(sent), span_id(sent))


async def test_a_publish_that_is_refused_is_a_failed_span(work: Work, recorded: Recorded) -> None:
    """It names the kind of error."""
    async with work({RunProbe: nothing}) as harness:
        with pytest.raises(Exception, match="no stream"):
            await harness.publisher.publish_body("nowhere.run", b"{}")
        span = await recorded.one("send nowhere.run")
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"]

"""Which job a delivery is: never an error, whatever was typed."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.broker.headers import decode, encode
from nightshift.contract import wire
from nightshift.worker.in_flight import InFlightJob, identify, job_of
from nightshift.worker.rescheduling import dead_letter, reschedule
from nightshift.worker.verdict import IMMEDIATELY, DeadLetter, Reschedule
from tests.unit.worker.deliveries import delivered, named

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}|~[0-9a-f]{64}")
SUBJECT = re.compile(r"[!-)+-=?-~]+(\.[!-)+-=?-~]+)*")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def identified(subject: bytes = b"jobs.probe.run", *, times: int = 1, **headers: str) -> InFlightJob:
    """Return such a delivery as a job in flight."""
    return identify("probe", delivered(subject, times=times, headers=named(headers)))


subjects = st.binary(max_size=60) | st.sampled_from([b"jobs.probe.", b"due.probe.", b"cron.", b"jobs."]).flatmap(
    lambda prefix: st.binary(max_size=30).map(lambda rest: prefix + rest)
)
blocks = st.binary(max_size=200) | st.lists(
    st.tuples(
        st.sampled_from(["Job-Id", "Nats-Msg-Id", "Job-Attempt-Base", "traceparent", "Status", "Dead-Reason"]),
        st.text(max_size=30),
    )
).map(lambda pairs: encode(dict(pairs)) if not any("\ud800" <= c <= "\udfff" for _, v in pairs for c in v) else b"")


@given(subjects, blocks, st.integers(1, 10**6))
def test_no_bytes_fell_it_and_what_it_says_is_fit_for_subjects_and_keys(
    subject: bytes, block: bytes, times: int
) -> None:
    """Every delivery has a type, an id, a key and an attempt, and can be copied for later or as a dead letter."""
    delivery = delivered(subject, block=block, times=times)
    job = identify("probe", delivery).job
    assert TOKEN.fullmatch(job.key)
    assert job.id
    assert job.attempt >= 1
    copy = reschedule(delivery, job, Reschedule("retry", IMMEDIATELY, 1), NOW)
    letter = dead_letter(delivery, job, DeadLetter("invalid", "why", 1), NOW)
    for message in (copy, letter):
        assert SUBJECT.fullmatch(message.subject)
        assert decode(encode(message.headers))[wire.JOB_ID] == (job.published_id or job.id)


@given(
    blocks | st.text(max_size=8).map(lambda job_id: f"NATS/1.0\r\nJob-Id: {job_id}\r\n\r\n".encode("utf-8", "replace"))
)
def test_a_copy_for_later_is_the_same_job(block: bytes) -> None:
    """Whatever its id is made of: were it another job, its inbox row would not keep the first one's duplicates out."""
    delivery = delivered(block=block)
    job = identify("probe", delivery).job
    copy = reschedule(delivery, job, Reschedule("retry", IMMEDIATELY, 1), NOW)
    again = identify("probe", delivered(b"due.probe.run", block=encode(copy.headers))).job
    assert (again.type, again.id, again.key, again.trace) == (job.type, job.id, job.key, job.trace)
    assert again.attempt == 2


def test_the_id_is_the_job_id_else_the_message_id_else_the_place() -> None:
    """In this order; an empty header is none."""
    assert identified(Job_Id="a", Nats_Msg_Id="b").job.id == "a"
    assert identified(Nats_Msg_Id="b").job.id == "b"
    assert identified(Job_Id="", Nats_Msg_Id="b").job.id == "b"
    assert identified().job.id == identified(X_Team="red").job.id == "PROBE:17:1700000000000000123"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *((name, "Job-Id") for name in ("job-id", "Job-ID", "JOB-ID", "JobId", "job_id", "X-Job-Id", "x-job-id")),
        *(
            (name, "Nats-Msg-Id")
            for name in ("Nats-Msg-ID", "nats-msg-id", "NatsMsgId", "Nats_Msg_Id", "X-Nats-Msg-Id")
        ),
        ("job-attempt-base", "Job-Attempt-Base"),
        ("Job-claim", "Job-Claim"),
    ],
)
def test_a_header_that_is_almost_ours_is_refused_aloud(name: str, meant: str) -> None:
    """Read as somebody else's header it would say nothing: a second job with its id would have a second effect."""
    delivery = delivered(block=encode({name: "7"}))
    in_flight = identify("probe", delivery)
    assert in_flight.malformed is not None
    assert in_flight.malformed.reason == "invalid"
    assert in_flight.malformed.text == f"the header {name!r} is not read: write {meant!r}"
    letter = dead_letter(delivery, in_flight.job, DeadLetter("invalid", "why", 1), NOW)
    again = identify("probe", delivered(block=encode(letter.headers)))
    assert (again.malformed is None) == (meant in {"Job-Id", "Nats-Msg-Id"}), (
        "its copy has an identity, and is redriven"
    )


def test_headers_of_others_travel_along_unread() -> None:
    """And so does one that stands beside the right one."""
    for names in ({"X-Request-Id": "a"}, {"Job-Identity": "a"}, {"Job": "a"}, {"Id": "a"}, {"TraceParent": "a"}):
        assert identify("probe", delivered(block=encode(names))).malformed is None
    for names in ({"job-id": "a", "Job-Id": "b"}, {"nats-msg-id": "a", "Job-Id": "b"}):
        in_flight = identify("probe", delivered(block=encode(names)))
        assert (in_flight.malformed, in_flight.job.id) == (None, "b")
    assert identify("probe", delivered(block=encode({"job-id": "a", "Nats-Msg-Id": "b"}))).malformed is not None


@pytest.mark.parametrize(
    ("subject", "job_type"),
    [
        (b"jobs.probe.run", "probe.run"),
        (b"due.probe.run", "probe.run"),
        (b"jobs.probe.run.v2", "probe.run.v2"),
        (b"cron.probe.daily", "cron.probe.daily"),
        (b"cron.probe.daily.manual", "cron.probe.daily"),
    ],
)
def test_the_subject_says_the_type(subject: bytes, job_type: str) -> None:
    """Whether it came now, later, by schedule or by hand."""
    found = identified(subject)
    assert found.job.type == job_type
    assert not found.malformed
    assert found.is_event == job_type.startswith("cron.")


@pytest.mark.parametrize(
    ("subject", "headers", "reason"),
    [
        (b"jobs.probe", {}, "unknown-type"),
        (b"jobs.probe.r\xc3\xa9sum\xc3\xa9", {}, "unknown-type"),
        (b"jobs.probe.run", {"Job-Attempt-Base": "two"}, "invalid"),
        (b"jobs.probe", {"Job-Attempt-Base": "two"}, "invalid"),
    ],
)
def test_what_can_be_no_job_says_why(subject: bytes, headers: dict[str, str], reason: str) -> None:
    """With the reason that its dead letter gets."""
    malformed = identify("probe", delivered(subject, block=encode(headers) if headers else b"")).malformed
    assert malformed is not None
    assert malformed.reason == reason


def test_the_attempt_of_a_job_follows_from_its_base_and_not_from_its_deliveries() -> None:
    """Attempts count failures of the handler; deliveries also count workers that died."""
    assert identified(times=5).job.attempt == 1
    assert identified(times=5, Job_Attempt_Base="2").job.attempt == 3


def test_a_job_that_nobody_delivers_is_the_same_job() -> None:
    """Whoever finds it in a stream takes it for what its worker would."""
    delivery = delivered(times=7, headers={"Job-Id": "a", "Job-Attempt-Base": "2"})
    assert job_of("probe", delivery) == identify("probe", delivery).job


def test_the_attempt_of_an_event_is_its_delivery() -> None:
    """An event is never copied, so nothing else counts."""
    assert identified(b"cron.probe.daily", times=5).job.attempt == 5
    assert identified(b"cron.probe.daily", times=5, Job_Id="x").job.attempt == 5


def test_a_trace_is_carried_on_if_it_is_one() -> None:
    """What is no W3C `traceparent` is left alone, and no fault of the job."""
    assert identified(traceparent=TRACE).job.trace == {"traceparent": TRACE}
    assert identified(traceparent=TRACE).trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert identified(traceparent="nonsense").job.trace == {}
    assert not identified(traceparent="nonsense").malformed


_LINES = st.lists(
    st.sampled_from(
        [
            "Job-Id: one",
            "Job-Id: two",
            "Job-Id: \u00e9",
            "Nats-Msg-Id: probe.run/one",
            f"traceparent: {TRACE}",
            "traceparent: none",
            "Nats-Batch-Id: 0123abcd",
            "Nats-Batch-Sequence: 17",
            "Job-Claim: claims/2026-03-01/a",
            "Job-Attempt-Base: 3",
            "job-id: mistyped",
        ]
    ),
    max_size=6,
)


@given(_LINES | st.permutations(["Job-Id: one", "Nats-Msg-Id: m", f"traceparent: {TRACE}", "Nats-Batch-Id: 0"]))
def test_headers_that_are_read_in_passing_say_what_they_say_decoded(lines: list[str]) -> None:
    """A header of a producer's own beside them has them decoded, and changes nothing else."""
    block = "\r\n".join(["NATS/1.0", *lines, "", ""]).encode()
    decoded = block.removesuffix(b"\r\n") + b"Other: 1\r\n\r\n"
    passing, slow = (identify("probe", delivered(block=one)) for one in (block, decoded))
    assert decode(block).items() <= slow.delivery.headers.items()
    if lines:  # without any it has the message's own name
        assert passing.job == slow.job
    assert (passing.malformed, passing.trace_id, passing.claim) == (slow.malformed, slow.trace_id, slow.claim)

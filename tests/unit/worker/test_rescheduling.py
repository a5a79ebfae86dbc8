"""Copies of a delivery: what travels along, what does not, and what a copy says about itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.broker.headers import decode, encode
from nightshift.broker.message import OutboundMessage, StoredMessage
from nightshift.config.redaction import single_line
from nightshift.contract import wire
from nightshift.worker import rescheduling
from nightshift.worker.in_flight import job_of
from nightshift.worker.verdict import DeadLetter, Reschedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN = {
    "again": {"Nats-Schedule", "Nats-Schedule-Target", "Nats-Msg-Id"},
    "dead": {"Nats-Msg-Id"},
}

names = st.from_regex(r"(?:[Nn][Aa][Tt][Ss]-)?[A-Za-z][A-Za-z-]{0,10}", fullmatch=True) | st.sampled_from(
    ["Nats-Rollup", "Nats-Expected-Stream", "nats-ttl", "NATS-BATCH-ID", "Job-Id", "traceparent", "Dead-Reason"]
)
values = st.binary(max_size=30).map(
    lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"").strip(b" \t").decode("utf-8", "surrogateescape")
)
headers = st.dictionaries(names, values, max_size=8)


def _delivery(given_headers: dict[str, str], body: bytes = b"{}", subject: str = "jobs.probe.run") -> StoredMessage:
    return StoredMessage("PROBE", subject, 17, 1_700_000_000_000_000_123, body, encode(given_headers))


def _again(delivery: StoredMessage, delay: timedelta = timedelta(minutes=5)) -> OutboundMessage:
    return rescheduling.reschedule(delivery, job_of("probe", delivery), Reschedule("retry", delay, 2), NOW)


def _dead(delivery: StoredMessage, error: str = "why") -> OutboundMessage:
    return rescheduling.dead_letter(delivery, job_of("probe", delivery), DeadLetter("permanent", error, 3), NOW)


@pytest.mark.parametrize(("kind", "copy"), [("again", _again), ("dead", _dead)])
@given(given_headers=headers, body=st.binary(max_size=50))
def test_a_copy_obeys_no_order_of_its_original_and_keeps_everything_else(
    kind: str, copy: Any, given_headers: dict[str, str], body: bytes
) -> None:
    """No `Nats-` header in any case survives but our own; all others, bytes included, and the body come through."""
    copied = copy(_delivery(given_headers, body))
    back = decode(encode(copied.headers))
    assert {name for name in back if name.lower().startswith("nats-")} == OWN[kind]
    own = {"Job-Id", "Job-Attempt-Base"} if kind == "again" else {"Job-Id", *(n for n in back if n.startswith("Dead-"))}
    kept = {name: value for name, value in given_headers.items() if not name.lower().startswith("nats-")}
    assert {n: v for n, v in back.items() if n not in own and not n.lower().startswith("nats-")} == {
        name: value for name, value in kept.items() if name not in own
    }
    assert copied.body == body


def test_the_copy_for_later_is_a_schedule() -> None:
    """Its subject has the job's id, its target is `due.<type>`, its id names the delivery that it is a copy of."""
    copy = _again(_delivery({"Job-Id": "one"}))
    assert copy.subject == "later.probe.run.one"
    assert copy.headers == {
        "Job-Id": "one",
        "Job-Attempt-Base": "2",
        "Nats-Schedule": "@at 2026-03-01T12:05:00.000000Z",
        "Nats-Schedule-Target": "due.probe.run",
        "Nats-Msg-Id": "again:PROBE:17:1700000000000000123",
    }


def test_a_job_without_an_id_gets_that_of_its_first_place() -> None:
    """The copy lies at another place, and would be another job."""
    assert _again(_delivery({})).headers["Job-Id"] == "PROBE:17:1700000000000000123"
    assert _dead(_delivery({"Nats-Msg-Id": "m"})).headers["Job-Id"] == "m"


@pytest.mark.parametrize("delay", [timedelta.max, timedelta(days=365_000), timedelta(days=-365_000), timedelta.min])
def test_a_delay_beyond_the_calendar_is_cut_to_what_the_broker_can_count(delay: timedelta) -> None:
    """A handler may snooze for as long as it likes."""
    copy = _again(_delivery({"Job-Id": "one"}), delay)
    assert copy.headers["Nats-Schedule"] in {"@at 2261-12-31T00:00:00.000000Z", "@at 1970-01-01T00:00:00.000000Z"}


def test_a_dead_letter_tells_its_story() -> None:
    """Reason, error, attempts, and where and when it came from."""
    letter = _dead(_delivery({"Job-Id": "one", "Job-Attempt-Base": "2"}), "line\nbreak é")
    assert letter.subject == "dead.probe.run"
    assert letter.headers == {
        "Job-Id": "one",
        "Nats-Msg-Id": "dead:PROBE:17:1700000000000000123",
        "Dead-Reason": "permanent",
        "Dead-Error": r"line break \xe9",
        "Dead-Attempts": "3",
        "Dead-Subject": "jobs.probe.run",
        "Dead-Stream": "PROBE",
        "Dead-Sequence": "17",
        "Dead-Time": "2026-03-01T12:00:00.000Z",
    }


def test_a_dead_letter_names_a_subject_that_a_producer_may_publish_on() -> None:
    """It came by `due.` after its retries, where only the broker puts jobs; again it is published as a new one."""
    delivery = _delivery({"Job-Id": "one", "Job-Attempt-Base": "3"}, subject="due.probe.run")
    letter = _dead(delivery, "no")
    assert letter.headers["Dead-Subject"] == "jobs.probe.run"
    assert "Job-Attempt-Base" not in letter.headers


@given(st.sampled_from(wire.REASONS), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_a_mark_is_read_as_the_verdict_it_was_made_of(reason: wire.Reason, error: str) -> None:
    """The job whose dead letter had no room goes straight there at its next delivery, for the same reason."""
    verdict = DeadLetter(reason, single_line(error), 3)
    copy = rescheduling.with_dead_mark(_again(_delivery({"Job-Id": "one"})), verdict)
    assert rescheduling.dead_mark(_delivery(decode(encode(copy.headers)), subject="due.probe.run")) == verdict


@pytest.mark.parametrize("subject", ["jobs.probe.run", "cron.probe.daily"])
def test_only_what_comes_from_later_can_be_marked(subject: str) -> None:
    """Anybody may publish to `jobs.`."""
    mark = {"Dead-Reason": "permanent", "Dead-Error": "no", "Dead-Attempts": "1"}
    assert rescheduling.dead_mark(_delivery(mark, subject=subject)) is None


@pytest.mark.parametrize(
    ("mark", "attempts"),
    [
        ({"Dead-Reason": "boredom"}, None),
        ({"Dead-Reason": "permanent", "Dead-Attempts": "many"}, 0),
        ({"Dead-Reason": "permanent", "Dead-Attempts": "9" * 5_000}, 0),
        ({"Dead-Reason": "permanent"}, 0),
    ],
)
def test_a_mark_that_was_typed_wrong_fells_nobody(mark: dict[str, str], attempts: int | None) -> None:
    """An unknown reason is no mark, a count that is none is nought."""
    found = rescheduling.dead_mark(_delivery(mark, subject="due.probe.run"))
    assert (found.attempts if found else None) == attempts

"""A message ready to be stored: what goes where, how large it is, what it must not carry along."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.broker.headers import encode
from nightshift.broker.message import OutboundMessage
from nightshift.messaging.outbound import EARLIEST, LATEST, job, schedule_at, scheduled, strip_broker_headers

AT = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_a_job_carries_its_identity_twice() -> None:
    """`Job-Id` for the worker, and with the type in front `Nats-Msg-Id` for the broker, whose window knows no types."""
    message = job("email.send", "7", b"{}", {"traceparent": "t", "Job-Id": "another"})
    assert message.subject == "jobs.email.send"
    assert message.headers == {"traceparent": "t", "Job-Id": "7", "Nats-Msg-Id": "email.send/7"}


def test_an_event_by_hand_goes_beside_the_schedulers_memory() -> None:
    """`cron.<name>.manual` is handled alike and remembered by nobody."""
    assert job("cron.cleanup.daily", "7", b"{}", {}).subject == "cron.cleanup.daily.manual"


def test_a_schedule_has_no_message_id() -> None:
    """With one it could not be replaced, nor set again after a cancel, within the broker's window."""
    message = scheduled("email.send", "7", b"{}", {}, AT)
    assert message.subject == "later.email.send.7"
    assert message.headers == {
        "Job-Id": "7",
        "Nats-Schedule": "@at 2030-01-02T03:04:05.678901Z",
        "Nats-Schedule-Target": "due.email.send",
    }


def test_an_instant_is_written_in_utc() -> None:
    """Whatever its own zone."""
    assert schedule_at(AT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == schedule_at(AT)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_one_that_the_broker_can_count(at: datetime) -> None:
    """Nanoseconds from 1970 in 64 bits: what is beyond becomes the nearest that is not, and the rest is exact."""
    written = datetime.fromisoformat(schedule_at(at).removeprefix("@at "))
    assert 0 <= written.timestamp() * 1e9 < 2**63
    assert written == min(max(at, EARLIEST), LATEST)


@given(
    st.dictionaries(st.sampled_from(["a", "Job-Id", "x-y"]), st.binary().map(lambda raw: raw.strip(b" \t\r\n"))),
    st.binary(),
)
def test_its_size_is_what_travels(headers: dict[str, bytes], body: bytes) -> None:
    """Body and header block as they are written, also with bytes that are no UTF-8."""
    texts = {name: value.decode("utf-8", "surrogateescape") for name, value in headers.items()}
    assert OutboundMessage("s", texts, body).size() == len(encode(texts)) + len(body)


@pytest.mark.parametrize("name", ["Nats-Rollup", "nats-ttl", "NATS-MSG-ID", "Nats-"])
def test_a_copy_carries_no_orders_to_the_broker(name: str) -> None:
    """They belong to the message that carried them, however they were typed."""
    assert strip_broker_headers({name: "x", "Job-Id": "7", "X-Nats-Y": "z"}) == {"Job-Id": "7", "X-Nats-Y": "z"}

"""What a dead letter becomes when it is sent to work again."""

from datetime import UTC, datetime

import pytest

from nightshift.broker.headers import encode
from nightshift.broker.message import StoredMessage
from nightshift.cli.actions.redrive import copy_of
from nightshift.cli.queries.dead_letters import Filter, Letter, letter_of, references
from nightshift.contract import wire

DIED = datetime(2026, 7, 24, 9, 41, tzinfo=UTC)


def letter(headers: dict[str, str] | None = None, subject: str = "dead.email.send", body: bytes = b"{}") -> Letter:
    """A dead letter as it is stored."""
    usual = {wire.JOB_ID: "welcome-17", wire.DEAD_REASON: "permanent", wire.DEAD_TIME: "2026-07-24T09:41:00.000Z"}
    given = usual | (headers or {})
    message = StoredMessage("EMAIL_DLQ", subject, 12, 1_000, body, encode(given))
    return letter_of(message, "cron" if ".cron." in subject else "email")


def test_it_is_the_job_again() -> None:
    """Subject, id, body and its own headers; nothing of what it died of, nothing that the broker would obey."""
    dead = {wire.DEAD_ERROR: "x", "dead-attempts": "4", wire.ATTEMPT_BASE: "3", "Nats-Rollup": "all", "Answer-To": "me"}
    copy = copy_of(letter(dead, body=b'{"to":1}'))
    assert (copy.subject, copy.body) == ("jobs.email.send", b'{"to":1}')
    assert copy.headers == {
        wire.JOB_ID: "welcome-17",
        wire.MSG_ID: "redrive:EMAIL_DLQ:12:1000",
        "Answer-To": "me",
    }


def test_a_job_without_an_id_gets_the_one_that_it_had() -> None:
    """That of the dead letter is not it: the job's own is always written."""
    bare = letter({wire.JOB_ID: "", wire.MSG_ID: "typed-by-hand"})
    assert copy_of(bare).headers[wire.JOB_ID] == "typed-by-hand"


def test_an_event_goes_where_events_are_asked_for_by_hand() -> None:
    """The scheduler's memory is not touched."""
    assert copy_of(letter(subject="dead.cron.cleanup.daily")).subject == "cron.cleanup.daily.manual"


def test_an_edited_body_needs_no_claim() -> None:
    """The old one's claim check would be read instead of it."""
    claimed = letter({wire.CLAIM: "claims/2026-09-07/" + "0a" * 32}, body=b"")
    assert wire.CLAIM in copy_of(claimed).headers
    assert wire.CLAIM not in copy_of(claimed, b"{}").headers


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Filter(), True),
        (Filter(type="email.*", reason="permanent"), True),
        (Filter(type="upload.*"), False),
        (Filter(died_before=DIED), False),
        (Filter(died_after=DIED), True),
        (Filter(refs=("email:12",)), True),
        (Filter(refs=("email:13",), job_ids=("welcome-17",)), True),
        (Filter(refs=("email:13",)), False),
    ],
)
def test_a_filter_takes_what_it_says(wanted: Filter, *, taken: bool) -> None:
    """Every condition that is given has to hold; reference or id, either."""
    assert wanted.matches(letter()) is taken


def test_a_letter_without_headers_is_a_letter() -> None:
    """Whoever wrote it; when it was stored is when it died."""
    message = StoredMessage("EMAIL_DLQ", "dead.email.send", 1, 1_000_000_000)
    bare = letter_of(message, "email")
    assert (bare.reason, bare.job_id, bare.attempts, bare.died.timestamp()) == ("", "", 0, 1.0)


def test_references_are_told_from_job_ids() -> None:
    """`email:12` is a reference, `order:12` somebody's job id."""
    assert references(["email:12", "order:12", "welcome-17"], ["email"]) == (("email:12",), ("order:12", "welcome-17"))

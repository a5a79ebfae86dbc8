"""Names on the wire."""

import hashlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nightshift.contract import wire

_ANY_TEXT = st.text(st.characters())
_TYPES = st.from_regex(r"[a-z][a-z0-9-]{0,8}\.[a-z][a-z0-9-]{0,8}", fullmatch=True)
_EVENTS = st.from_regex(r"cron(\.[a-z][a-z0-9-]{0,8}){1,3}", fullmatch=True).filter(
    lambda name: not name.endswith(".manual")
)


@given(_ANY_TEXT)
@example("a" * 200)
@example("a" * 201)
@example("")
@example("\ud800")
@example("a\n")
def test_a_safe_token_is_one_plain_token_of_a_subject(job_id: str) -> None:
    """Whatever the id, its token is short and without dots, wildcards, blanks and control characters."""
    assert re.fullmatch(r"~[0-9a-f]{64}|[A-Za-z0-9_-]{1,200}", wire.safe_token(job_id))


@given(st.from_regex(r"[A-Za-z0-9_-]{1,200}", fullmatch=True))
def test_an_id_that_fits_is_its_own_token(job_id: str) -> None:
    """Ids that people choose stay readable."""
    assert wire.safe_token(job_id) == job_id


@given(_ANY_TEXT, _ANY_TEXT)
@example("a", "a\n")
@example("a.b", "a b")
@example("a" * 201, "a" * 202)
@example("a" * 201, hashlib.sha256(b"a" * 201).hexdigest())
def test_two_ids_never_share_a_token(one: str, other: str) -> None:
    """Two jobs never replace or cancel each other; `~` cannot begin an id that is its own token."""
    assert (wire.safe_token(one) == wire.safe_token(other)) == (one == other)


@given(_TYPES)
def test_the_type_is_read_from_the_subjects_of_a_job(job_type: str) -> None:
    """What is published to be done now and what has become due are of the same type."""
    assert wire.type_of(wire.job_subject(job_type)) == job_type
    assert wire.type_of(wire.due_subject(job_type)) == job_type
    assert not wire.is_event(job_type)


@given(_EVENTS)
def test_an_event_asked_for_by_hand_is_of_the_events_type(name: str) -> None:
    """`cron.<name>` and `cron.<name>.manual` are handled alike."""
    assert wire.is_event(name)
    assert wire.type_of(name) == name
    assert wire.job_subject(name) == f"{name}.manual"
    assert wire.type_of(wire.job_subject(name)) == name


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (wire.job_subject("email.send"), "jobs.email.send"),
        (wire.later_subject("email.send", "order-17"), "later.email.send.order-17"),
        (wire.due_subject("email.send"), "due.email.send"),
        (wire.dead_subject("email.send"), "dead.email.send"),
        (wire.dead_subject("cron.cleanup.daily"), "dead.cron.cleanup.daily"),
    ],
)
def test_subjects_are_as_documented(subject: str, expected: str) -> None:
    """Other programs write these names by hand."""
    assert subject == expected


@given(_TYPES, _ANY_TEXT)
def test_a_waiting_job_has_a_subject_of_four_tokens(job_type: str, job_id: str) -> None:
    """The id is the last token, however it was typed: `later.<service>.<verb>.<id>`."""
    assert wire.later_subject(job_type, job_id).split(".") == ["later", *job_type.split("."), wire.safe_token(job_id)]


@pytest.mark.parametrize("subject", ["", "jobs", "jobs."])
def test_a_subject_without_a_type_has_none(subject: str) -> None:
    """Nothing is guessed."""
    assert wire.type_of(subject) == ""


def test_the_service_is_the_first_token_of_the_type() -> None:
    """One word names folder, consumer, subject token and stream."""
    assert wire.service_of("email.send") == "email"


def test_the_reasons_of_dead_letters_are_a_closed_set() -> None:
    """Alarms and tools branch on these words."""
    assert wire.REASONS == ("invalid", "unknown-type", "permanent", "attempts-exhausted", "crash-loop", "cancelled")

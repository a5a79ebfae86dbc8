"""What other parties send, or have left behind: a value, or one of the errors that its reader knows."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.broker.headers import encode
from nightshift.broker.message import StoredMessage
from nightshift.contract import wire
from nightshift.housekeeping.expired_claims import is_expired
from nightshift.messaging.claim_check import InvalidClaimError, _parse
from nightshift.outcomes import Permanent, Snooze
from nightshift.retry_after import retry_after
from nightshift.worker.rescheduling import dead_mark
from services.email.mailer import SendFailedError
from services.email.resend_errors import accepted_id, refusal
from services.report.parameters import parse_parameters, period_of
from services.report.period import Period
from services.sync.connector import RateLimitedError, SourcePage, SourceRefusedError, SyncFailedError
from services.sync.connectors import github_responses
from services.sync.http.http_client import Answer
from services.upload.inspection import Inspection, UnreadableFileError, from_answer

NOW = datetime(2026, 7, 24, 9, 41, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
GARBAGE = st.binary(max_size=30) | st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b'{"id":"\\ud800"}', b"\xff"])
TOKENS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20).map(str.strip)
WAITS = TOKENS | st.sampled_from(["9" * 5_000, "1e999", "\u00b2", "Fri, 99 Nov 2026 99:99:99 GMT", "-1", "0", "nan"])


def _bodies(*names: str) -> st.SearchStrategy[bytes]:
    """Objects that have some of these names, lists of them, and garbage."""
    objects = st.dictionaries(st.sampled_from(names), JSON, max_size=len(names))
    return (objects | st.lists(objects, max_size=3) | JSON).map(lambda value: json.dumps(value).encode()) | GARBAGE


@given(status=st.integers(200, 599), body=_bodies("id", "name", "message", "statusCode"), wait=st.none() | WAITS)
@settings(max_examples=150)
def test_any_answer_of_resend_is_an_outcome(status: int, body: bytes, wait: str | None) -> None:
    """Accepted under a name, or one of the three ways in which it was not; a wait is between a second and a day."""
    headers = [] if wait is None else [(b"retry-after", wait.encode("latin-1", "replace"))]
    response = httpx.Response(status, headers=headers, content=body)
    name = accepted_id(response)
    assert name is None or response.is_success
    assert isinstance(refusal(response, NOW), (Permanent, Snooze, SendFailedError))
    pause = retry_after(response.headers, NOW)
    assert pause is None or timedelta(seconds=1) <= pause <= timedelta(days=1)


LINKS = TOKENS | st.sampled_from(
    ['<https://api.github.com/x?page=2>; rel="next"', '<http://[>; rel="next"', "<//>; rel=next", '<a:b:c>; rel="next"']
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "link": LINKS,
        "retry-after": WAITS,
        "x-ratelimit-remaining": st.just("0") | TOKENS,
        "x-ratelimit-reset": WAITS,
        "etag": TOKENS,
        "last-modified": TOKENS,
    },
)


@given(
    status=st.sampled_from([200, 304, 401, 403, 404, 429, 500]),
    headers=HEADERS,
    body=_bodies("id", "name", "html_url", "topics", "updated_at", "message", "stargazers_count"),
)
@settings(max_examples=200)
def test_any_answer_of_github_is_a_page_or_a_known_error(status: int, headers: dict[str, str], body: bytes) -> None:
    """Also with headers that nobody has thought of."""
    url = "https://api.github.com/users/ada/repos"
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    answer = Answer(status, httpx.Headers(raw), body, url)
    assert isinstance(
        github_responses.refusal(answer, NOW, of_account=True), (RateLimitedError, SourceRefusedError, SyncFailedError)
    )
    try:
        page = github_responses.page(answer, url, NOW, conditional=True)
    except SyncFailedError as error:
        told = str(error)
    else:
        assert isinstance(page, SourcePage)
        json.dumps([record.data for record in page.records]).encode()
        return
    assert told.startswith("GitHub")


PARAMETERS = st.dictionaries(
    st.sampled_from(["days", "until", "timeZone", "deadLetters"]),
    JSON
    | st.sampled_from(["UTC", "Europe", "../x", "\0", "0001-01-01T00:00:00+23:59", "9999-12-31T23:00:00Z"])
    | st.integers(0, 100)
    | st.text(st.characters(), max_size=8),
    max_size=4,
)


@given(parameters=PARAMETERS | JSON)
@settings(max_examples=200)
def test_any_parameters_of_a_report_are_a_period_or_a_dead_letter_in_words(parameters: Any) -> None:
    """A row that the application wrote: what is wrong is named."""
    try:
        period = period_of(parse_parameters(parameters), NOW, default_days=7)
    except Permanent as error:
        told = str(error)
    else:
        assert isinstance(period, Period)
        return
    assert told.startswith("its parameters are wrong: ")


@given(report=_bodies("metadata", "unreadable"))
@settings(max_examples=150)
def test_any_answer_of_an_inspecting_process_is_an_inspection_or_a_known_error(report: bytes) -> None:
    """It has read a file that somebody made for it: what it answers may be anything."""
    try:
        found = from_answer(report)
    except (ValueError, UnreadableFileError):
        return
    assert isinstance(found, Inspection)
    assert isinstance(found.metadata, dict)


KEYS = st.text(st.characters(), max_size=40) | st.from_regex(r"claims/\d{4}-\d{2}-\d{2}/[0-9a-f]{64}")


@given(key=KEYS)
def test_any_key_of_a_claim_check_has_a_date_or_is_a_bad_claim(key: str) -> None:
    """`Job-Claim` is a producer's word; a month 13 is none."""
    assert isinstance(is_expired(key, date(2026, 7, 24)), bool)
    try:
        until, _ = _parse(key)
    except InvalidClaimError:
        return
    assert isinstance(until, date)


@given(
    headers=st.dictionaries(
        st.sampled_from([wire.DEAD_REASON, wire.DEAD_ERROR, wire.DEAD_ATTEMPTS, wire.DEAD_TIME]),
        st.text(max_size=10) | st.sampled_from(["invalid", "9" * 5_000, "\u0663", "-1"]),
    )
)
def test_any_mark_on_a_delivery_is_a_verdict_or_none(headers: dict[str, str]) -> None:
    """Whoever may publish can type such headers."""
    verdict = dead_mark(StoredMessage("EMAIL", "jobs.email.send", 1, 1, b"", encode(headers)))
    assert verdict is None or verdict.attempts >= 0

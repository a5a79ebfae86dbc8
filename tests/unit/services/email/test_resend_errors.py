"""What an answer of Resend's API means for the job."""

from datetime import timedelta

import httpx
import pytest

from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import Deferred, Held, SendFailedError
from services.email.resend_errors import MISCONFIGURED, UNREACHABLE, accepted_id, refusal
from tests.unit.services.email.mails import NOW


def answer(code: int, name: str = "", message: str = "why", **headers: str) -> httpx.Response:
    """An error as Resend writes it; `Retry_After` becomes a header."""
    lines = {header.replace("_", "-"): value for header, value in headers.items()}
    return httpx.Response(code, json={"statusCode": code, "name": name, "message": message}, headers=lines)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (400, "validation_error"),
        (400, "invalid_idempotency_key"),
        (403, "validation_error"),
        (403, "invalid_from_address"),
        (409, "invalid_idempotent_request"),
        (413, ""),
        (422, "missing_required_field"),
        (422, "invalid_attachment"),
        (451, "security_error"),
    ],
)
def test_what_is_wrong_with_the_mail_is_permanent(code: int, name: str) -> None:
    """The dead letter's reason is Resend's message."""
    outcome = refusal(answer(code, name, "the `to` field is wrong"), NOW)
    assert isinstance(outcome, Permanent)
    assert "the `to` field is wrong" in str(outcome)


@pytest.mark.parametrize(
    ("response", "delay"),
    [
        (answer(429, "rate_limit_exceeded", Retry_After="7"), timedelta(seconds=7)),
        (answer(429, "rate_limit_exceeded"), timedelta(seconds=1)),
        (answer(429, "daily_quota_exceeded"), timedelta(hours=1)),
        (answer(429, "monthly_quota_exceeded", Retry_After="999999999"), timedelta(days=1)),
        (answer(409, "concurrent_idempotent_requests"), timedelta(seconds=5)),
        (answer(503, Retry_After="Fri, 24 Jul 2026 09:32:00 GMT"), timedelta(minutes=2)),
        (answer(502), UNREACHABLE),
        (answer(504), UNREACHABLE),
    ],
)
def test_limits_and_outages_cost_no_attempt(response: httpx.Response, delay: timedelta) -> None:
    """The job waits as long as Resend says, or a usual time."""
    outcome = refusal(response, NOW)
    assert isinstance(outcome, Snooze)
    assert outcome.delay == delay


@pytest.mark.parametrize(
    ("response", "setting"),
    [
        (answer(401, "missing_api_key"), "RESEND_API_KEY"),
        (answer(401, "restricted_api_key"), "RESEND_API_KEY"),
        (answer(403, "invalid_api_key"), "RESEND_API_KEY"),
        (answer(403, "suspended_api_key"), "RESEND_API_KEY"),
        (httpx.Response(403, text="error code: 1010"), "RESEND_API_KEY"),
        (answer(404, "not_found"), "RESEND_URL"),
        (answer(405, "method_not_allowed"), "RESEND_URL"),
        (httpx.Response(301, headers={"location": "https://example.com"}), "RESEND_URL"),
    ],
)
def test_a_wrong_setting_costs_no_attempt(response: httpx.Response, setting: str) -> None:
    """A wrong key must not turn the queue into dead letters; the reason names the setting."""
    outcome = refusal(response, NOW)
    assert isinstance(outcome, Snooze)
    assert outcome.delay == MISCONFIGURED
    assert setting in str(outcome)


@pytest.mark.parametrize("code", [408, 425, 500, 507])
def test_an_error_of_theirs_puts_the_mail_off(code: int) -> None:
    """It waits on its own budget, as long as it is asked to; the key keeps a mail that was taken from going twice."""
    outcome = refusal(answer(code, "application_error", Retry_After="700"), NOW)
    assert isinstance(outcome, Deferred)
    assert outcome.asked == timedelta(seconds=700)


def test_a_success_that_is_not_resends_is_a_failed_attempt() -> None:
    """From a proxy or a wrong address: the mail is not taken for sent."""
    assert isinstance(refusal(answer(200), NOW), SendFailedError)


@pytest.mark.parametrize("name", ["daily_quota_exceeded", "monthly_quota_exceeded"])
def test_a_used_up_quota_holds_all_mail(name: str) -> None:
    """It is the account's."""
    outcome = refusal(answer(429, name), NOW, sender="hello@acme.example")
    assert isinstance(outcome, Held)
    assert outcome.sender == ""


@pytest.mark.parametrize(
    "message",
    [
        "The acme.example domain is not verified. Please, add and verify your domain",
        "You can only send testing emails to your own email address. To send emails to others, verify a domain",
    ],
)
def test_a_domain_that_is_not_verified_is_a_setting(message: str) -> None:
    """No mail's fault: this sender's mail waits, and the reason says what to do."""
    outcome = refusal(answer(403, "validation_error", message), NOW, sender="hello@acme.example")
    assert isinstance(outcome, Held)
    assert (outcome.delay, outcome.sender) == (MISCONFIGURED, "hello@acme.example")
    assert "verify the domain of hello@acme.example at Resend" in str(outcome)


@pytest.mark.parametrize(
    ("response", "name"),
    [
        (httpx.Response(200, json={"id": "49a3999c"}), "49a3999c"),
        (httpx.Response(200, json={"id": ""}), None),
        (httpx.Response(200, json={"ok": True}), None),
        (httpx.Response(200, text="<html>"), None),
        (httpx.Response(200, content=b"\xff"), None),
        (httpx.Response(200, content=b"[" * 100_000), None),
        (httpx.Response(500, json={"id": "49a3999c"}), None),
    ],
)
def test_only_resends_own_yes_counts(response: httpx.Response, name: str | None) -> None:
    """A mail is sent when Resend has given it a name."""
    assert accepted_id(response) == name

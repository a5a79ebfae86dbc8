"""Map the answers of Resend's API to outcomes of the job.

An attempt counts only where the mail itself may be the cause. Error names as in https://resend.com/docs/api-reference/errors

| answer | outcome |
|---|---|
| 429 `rate_limit_exceeded` | `Snooze` as long as `Retry-After` says |
| 429 with another name (a quota is used up) | `Held` as long as `Retry-After` says, or an hour: all mail waits |
| 409 `concurrent_idempotent_requests` | `Snooze`: another delivery of this job is being sent |
| 401, 403 about the API key, redirects, 404, 405 | `Held` for 5 minutes: a setting is wrong, not the mail |
| 403 about a domain that is not verified | the same, for this sender alone |
| 502, 503, 504 | `Snooze`: the service is unavailable |
| 408, 425, other 5xx | `Deferred`: the mail waits; its idempotency key keeps it from being sent twice |
| a 2xx that is not Resend's | `SendFailedError` |
| any other 4xx (409 `invalid_idempotent_request`, 422 …) | `Permanent` with Resend's message |
"""

import re
from datetime import datetime, timedelta

import httpx
import msgspec

from nightshift import Permanent, Snooze
from nightshift.config.redaction import single_line
from nightshift.retry_after import retry_after
from services.email.mailer import Deferred, Held, SendFailedError

UNREACHABLE = timedelta(seconds=30)
MISCONFIGURED = timedelta(minutes=5)
_RATE_WINDOW = timedelta(seconds=1)
_QUOTA = timedelta(hours=1)
_CONCURRENT = timedelta(seconds=5)

_NOT_VERIFIED = re.compile(r"not verified|verify (?:a|your|the) domain|testing e-?mails", re.IGNORECASE)
_ABOUT_THE_MAIL = frozenset({"validation_error", "invalid_from_address"})
_TEMPORARY = frozenset({408, 425})
_GATEWAY = frozenset({502, 503, 504})
_WRONG_ADDRESS = frozenset({404, 405})
TOO_MANY = 429
_UNAUTHORIZED, _FORBIDDEN, _CONFLICT = 401, 403, 409
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class _Accepted(msgspec.Struct):
    id: str


class _Error(msgspec.Struct):
    name: str = ""
    message: str = ""


def accepted_id(response: httpx.Response) -> str | None:
    """Return Resend's id of the mail; None if this is not Resend's answer to an accepted mail."""
    if not response.is_success:
        return None
    try:
        return msgspec.json.decode(response.content, type=_Accepted).id or None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def refusal(response: httpx.Response, now: datetime, *, sender: str = "") -> Permanent | Snooze | SendFailedError:
    """Return the outcome of a mail of this sender that was not accepted.

    `now` is for a `Retry-After` that names a time.
    """
    error = _error(response)
    code = response.status_code
    words = f"Resend answered {code} {single_line(f'{error.name}: {error.message}'.strip(': '), 500)}".rstrip()
    asked = retry_after(response.headers, now)
    if response.is_success:
        return SendFailedError(f"{words}, which is no answer of Resend's; check RESEND_URL")
    if code == TOO_MANY and error.name != "rate_limit_exceeded":
        return Held(asked or _QUOTA, f"{words}: a quota of the account at Resend is used up")
    if usual := _pause(code, error.name):
        return Snooze(asked or usual, words)
    if code == _FORBIDDEN and _NOT_VERIFIED.search(error.message):
        whose = f"verify the domain of {sender or 'the sender'} at Resend, or send from another (MAIL_FROM)"
        return Held(MISCONFIGURED, f"{words}; {whose}", sender=sender)
    if setting := _wrong_setting(code, error.name):
        return Held(MISCONFIGURED, f"{words}; check {setting}")
    return Deferred(words, asked=asked) if code in _TEMPORARY or code >= _SERVER_ERROR else Permanent(words)


def _pause(code: int, name: str) -> timedelta | None:
    """Return the default delay of answers that only ask to wait."""
    if code == TOO_MANY:
        return _RATE_WINDOW
    if code == _CONFLICT and name == "concurrent_idempotent_requests":
        return _CONCURRENT
    return UNREACHABLE if code in _GATEWAY else None


def _wrong_setting(code: int, name: str) -> str | None:
    """Return the setting that the answer blames, if any."""
    if code == _UNAUTHORIZED or (code == _FORBIDDEN and name not in _ABOUT_THE_MAIL):
        return "RESEND_API_KEY"
    return "RESEND_URL" if code < _CLIENT_ERROR or code in _WRONG_ADDRESS else None


def _error(response: httpx.Response) -> _Error:
    try:
        return msgspec.json.decode(response.content, type=_Error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Error(message=single_line(response.text[:300], 300))

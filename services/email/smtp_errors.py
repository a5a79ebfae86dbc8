"""Map the replies of an SMTP server to outcomes of the job.

An attempt counts only where the mail itself may be the cause.

| the server says | outcome |
|---|---|
| 5xx to sender, recipient or message | `Permanent` |
| 421, "system full" or "not accepting" (4.3.1, 4.3.2): it closes or is overloaded | `Snooze` of 30 seconds |
| policy, rate limit, greylisting (4.7.x, or in words) | `Snooze` of 5 minutes, the usual greylisting time |
| 530, 534, 535, 538: it wants (other) credentials | `Snooze` of 5 minutes: a setting is wrong, not the mail |
| any other 4xx | `SendFailedError` |
| several recipients refused | `Permanent` if one of them for good, else the longest wait |
"""

import re
from collections.abc import Sequence
from datetime import timedelta

from aiosmtplib import SMTPRecipientRefused

from nightshift.config.redaction import single_line
from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import SendFailedError

BUSY = timedelta(seconds=30)
LIMITED = timedelta(minutes=5)
MISCONFIGURED = timedelta(minutes=5)

_CLOSING = 421
_PERMANENT = 500
_CREDENTIALS = frozenset({530, 534, 535, 538})
_SYSTEM_BUSY = re.compile(r"\s*4\.3\.[12]\b")
_LIMIT = re.compile(r"\s*4\.7\.\d|gr[ea]y-?list|rate.?limit|throttl|too (?:many|fast)", re.IGNORECASE)
_QUEUE_ID = re.compile(r"\bqueued (?:mail )?(?:for delivery )?as ([^\s;,]+)", re.IGNORECASE)
_LONGEST_ID = 200

Outcome = Permanent | Snooze | SendFailedError


def refusal(what: str, code: int, text: str) -> Outcome:
    """Return the outcome of the server refusing `what` with this reply."""
    words = f"the mail server refused {what}: {code} {single_line(text, 500)}"
    if code in _CREDENTIALS:
        return Snooze(MISCONFIGURED, f"{words}; check SMTP_USER, SMTP_PASSWORD and SMTP_TLS")
    if code >= _PERMANENT:
        return Permanent(words)
    if _LIMIT.search(text):
        return Snooze(LIMITED, words)
    if code == _CLOSING or _SYSTEM_BUSY.match(text):
        return Snooze(BUSY, words)
    return SendFailedError(words)


def recipients_refusal(refused: Sequence[SMTPRecipientRefused], accepted: int) -> Outcome:
    """Return the one outcome of a mail that was refused for some recipients; name all of them."""
    outcomes = [refusal(f"the recipient {one.recipient}", one.code, one.message) for one in refused]
    words = "; ".join(map(str, outcomes))
    if accepted:
        words += f"; so it was sent to nobody, also not to the {accepted} that it accepted"
    if any(isinstance(outcome, Permanent) for outcome in outcomes):
        return Permanent(words)
    waits = [outcome.delay for outcome in outcomes if isinstance(outcome, Snooze)]
    return Snooze(max(waits), words) if waits else SendFailedError(words)


def provider_id(text: str) -> str:
    """Return the server's queue id of a message, or its whole reply where no id is recognised."""
    found = _QUEUE_ID.search(text)
    return single_line(found[1] if found else text, _LONGEST_ID)

"""Map the replies of an SMTP server to outcomes of the job.

A mail becomes a dead letter only where the server says that this mail, or this recipient, will never be taken.

| the server says | outcome |
|---|---|
| it cannot stand our name (501, 504, 550 … about HELO) | `Held` for 5 minutes: SMTP_HELO is wrong, not the mail |
| 530, 534, 535, 538: it wants (other) credentials | `Held` for 5 minutes: a setting is wrong, not the mail |
| the same in words, or that we may not send as this sender | the same, for this sender; to a recipient: `Deferred` |
| a quota of ours is used up, by its code or in words, with 4xx or 5xx | `Held` for an hour: the sender has to wait |
| we send too fast | `Held` for 5 minutes |
| 5xx "try again later" | the same, for an hour; to a recipient: `Deferred` |
| too many recipients at once (4.5.3) | `Deferred` for a second: the rest goes in another transaction |
| it does not relay (5xx) | `Deferred`: most likely our login is missing |
| any other 5xx | `Permanent` |
| 421, "system full" or "not accepting" (4.3.1, 4.3.2) | `Snooze` of 30 seconds: it closes or is overloaded |
| any other 4xx: greylisting until proven otherwise | `Deferred` for 5 minutes, the usual greylisting time |
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from nightshift import Permanent, Snooze
from nightshift.config.redaction import single_line
from services.email.mailer import Deferred, Held, RecipientsRefused

BUSY = timedelta(seconds=30)
LIMITED = timedelta(minutes=5)
MISCONFIGURED = timedelta(minutes=5)
QUOTA = timedelta(hours=1)
NEXT_TRANSACTION = timedelta(seconds=1)

RECIPIENT = "the recipient "
"""Begins `what` where a recipient was refused."""
_ECHO = re.compile(r"<[^<>]*>|\S*@\S*")
"""Addresses that the server repeats: whoever chooses one must not choose what a reply means."""

_CLOSING = 421
_PERMANENT = 500
_CREDENTIALS = frozenset({530, 534, 535, 538})
_NOT_ABOUT_OUR_NAME = frozenset({502, 503})
"""Of a command that is unknown or out of order; `send HELO first` is no complaint about the name in it."""
_WANTS_LOGIN = re.compile(
    r"\b(?:needs? to|must|please) authenticate\b|\b(?:smtp auth|auth(?:entication|orization)?) (?:is )?required\b",
    re.IGNORECASE,
)
_DOMAIN_KEYS = re.compile(r"\b(?:spf|dkim|dmarc)\b", re.IGNORECASE)
"""Where these are named, the sender's domain has to authenticate, not we."""
_SENDER_NOT_OURS = re.compile(
    r"\bsend as this sender|\bsendasdenied\b|\bnot owned by user\b"
    r"|\bnot (?:allowed|permitted|authori[sz]ed) to send (?:\w+ )?(?:as|from)\b",
    re.IGNORECASE,
)
_NO_RELAY = re.compile(
    r"\brelay(?:ing)?\b.{0,30}\b(?:denied|prohibited|disallowed|not (?:permitted|allowed))"
    r"|\b(?:unable|permitted) to relay\b",
    re.IGNORECASE,
)
_ABOUT_OUR_NAME = re.compile(r"\b(?:helo|ehlo)\b|need fully-?qualified host", re.IGNORECASE)
_SYSTEM_BUSY = re.compile(r"\s*4\.3\.[12]\b")
_TOO_MANY_RECIPIENTS = re.compile(r"\b[45]\.5\.3\b|too many recipients", re.IGNORECASE)
_CONNECTIONS = re.compile(r"\b(?:connections?|sessions?)\b", re.IGNORECASE)
"""A limit of connections says nothing about those that are open."""

_OF_ANOTHER = re.compile(
    r"\b[45]\.(?:1\.[0-7]|1\.10|2\.[1-4])\b|gr[ea]y-?list|mailbox|in-?box"
    r"|\bsize\b|too (?:big|large|long)|score|\bhops?\b"
    r"|\b(?:user|recipient|addressee|account you)\b[^.]{0,60}\b(?:receiv|quota|storage|full)",
    re.IGNORECASE,
)
"""A limit of the recipient, of the message or of the way that it took is none of ours."""
_SURELY_OURS = re.compile(
    r"\b[45]\.4\.5\b|\b5\.1\.90\b|\b5\.7\.(?:70[58]|23[23])\b|submission.?quota.?exceeded|bad outbound sender"
    r"|\b(?:sending|outgoing|outbound|submission) (?:quota|limit)",
    re.IGNORECASE,
)
"""Of Google, Exchange Online and Exchange: the day's limit of a user, the tenant's threshold, an outbox's quota."""
_PERIOD = r"(?:daily|hourly|weekly|monthly|(?:per|an|a|this|in one) (?:day|hour|week|month)|24.?h(?:ou)?rs?|today)"
_MEASURE = r"(?:quotas?|limit(?:s|ed|ation)?|max(?:imum)?|threshold|allowance|credits?)"
_OURS = r"(?:send(?:ing|er)?|sent|out-?going|out-?bound|relay(?:ing)?|submission|messag(?:e|es|ing)|(?:e-?)?mails?)"
_OVER = r"(?:exceed\w*|reached|hit|used up|exhausted|over)"
_PER_PERIOD = re.compile(rf"\b{_PERIOD}\b", re.IGNORECASE)
_QUOTA = re.compile(
    rf"\b{_PERIOD}\b.{{0,60}}\b{_MEASURE}\b|\b{_MEASURE}\b.{{0,60}}\b{_PERIOD}\b"
    rf"|\b{_OURS}\b.{{0,40}}\b{_MEASURE}\b.{{0,60}}\b{_OVER}\b|\b{_OVER}\b.{{0,60}}\b{_OURS}\b.{{0,40}}\b{_MEASURE}\b"
    rf"|limits? (?:on|of|for) the number of|\b{_MEASURE}\b.{{0,40}}\b{_OURS}\b.{{0,40}}\b{_OVER}\b"
    rf"|maximum (?:credits|number of (?:messages|(?:e-?)?mails))",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"rate.?limit|throttl|too fast|unexpected volume|slow down|unusual rate|sending rate"
    r"|too (?:many|much) (?!(?:hops|received|recipients|errors|invalid|bad|unknown|headers|lines|loops|parts)\b)",
    re.IGNORECASE,
)
_LATER = re.compile(r"\b(?:try|retry|send|come back)\b.{0,30}\b(?:later|tomorrow|in (?:a|an|\d+) \w+)\b", re.IGNORECASE)
_QUEUE_ID = re.compile(r"\bqueued (?:mail )?(?:for delivery )?as ([^\s;,]+)", re.IGNORECASE)
_LONGEST_ID = 200

Outcome = Permanent | Snooze


def refusal(what: str, code: int, text: str, *, sender: str = "") -> Outcome:
    """Return the outcome of the server refusing `what` with this reply to a mail of this sender."""
    words = f"the mail server refused {what}: {code} {single_line(text, 500)}"
    flat = _ECHO.sub(" ", " ".join(text.split()))
    if code not in _NOT_ABOUT_OUR_NAME and _ABOUT_OUR_NAME.search(flat):
        return Held(MISCONFIGURED, f"{words}; it does not accept our name: set SMTP_HELO to one that it does")
    if pause := _pause_of_the_sender(flat):
        return Held(pause, words, sender=sender)
    if advice := _wrong_setting(code, flat):
        words = f"{words}; check {advice}"
        if code in _CREDENTIALS:
            return Held(MISCONFIGURED, words)
        # Said to a recipient, it may be another server's word, which must not stop all other mail.
        return Deferred(words) if what.startswith(RECIPIENT) else Held(MISCONFIGURED, words, sender=sender)
    if _TOO_MANY_RECIPIENTS.search(flat):
        return Deferred(words, asked=NEXT_TRANSACTION)
    return _for_good(what, words, flat, sender) if code >= _PERMANENT else _for_now(code, words, flat)


def _wrong_setting(code: int, text: str) -> str:
    """Return which settings a reply is about; empty where it is about none."""
    if _SENDER_NOT_OURS.search(text):
        return "MAIL_FROM, and as whom the account may send"
    wants_login = _WANTS_LOGIN.search(text) and not _DOMAIN_KEYS.search(text)
    return "SMTP_USER, SMTP_PASSWORD and SMTP_TLS" if wants_login or code in _CREDENTIALS else ""


def _for_good(what: str, words: str, text: str, sender: str) -> Outcome:
    """Return the outcome of a 5xx; it may say `try again later` all the same."""
    if _NO_RELAY.search(text):
        return Deferred(f"{words}; check SMTP_USER and SMTP_PASSWORD")
    if not _LATER.search(text) or _OF_ANOTHER.search(text):
        return Permanent(words)
    return Deferred(words) if what.startswith(RECIPIENT) else Held(QUOTA, words, sender=sender)


def _for_now(code: int, words: str, text: str) -> Outcome:
    """Return the outcome of a 4xx."""
    return Snooze(BUSY, words) if code == _CLOSING or _SYSTEM_BUSY.match(text) else Deferred(words)


def _pause_of_the_sender(text: str) -> timedelta | None:
    """Return how long the sender has to wait, where the reply means the sender and not the mail."""
    if _SURELY_OURS.search(text):
        return QUOTA
    if _OF_ANOTHER.search(text):
        return None
    if _RATE.search(text):
        return None if _CONNECTIONS.search(text) else QUOTA if _PER_PERIOD.search(text) else LIMITED
    return QUOTA if _QUOTA.search(text) else None


def recipients_refusal(refused: Mapping[str, Outcome]) -> Outcome:
    """Return the one outcome of a mail that was refused for all of its recipients; name all of them."""
    words = "; ".join(map(str, refused.values()))
    if held := next((outcome for outcome in refused.values() if isinstance(outcome, Held)), None):
        return held
    waits = [outcome.delay for outcome in refused.values() if isinstance(outcome, Snooze)]
    if not waits:
        return RecipientsRefused(words, refused)
    if all(isinstance(outcome, Permanent) or type(outcome) is Snooze for outcome in refused.values()):
        return Snooze(max(waits), words)
    return Deferred(words, refused=refused)


def provider_id(text: str) -> str:
    """Return the server's queue id of a message, or its whole reply where no id is recognised."""
    found = _QUEUE_ID.search(text)
    return single_line(found[1] if found else text, _LONGEST_ID)

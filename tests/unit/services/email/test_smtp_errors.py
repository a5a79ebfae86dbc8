"""What a refusal by an SMTP server means for the job."""

from datetime import timedelta

import pytest

from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import Deferred, Held, RecipientsRefused
from services.email.smtp_errors import BUSY, LIMITED, MISCONFIGURED, QUOTA, provider_id, recipients_refusal, refusal


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.1.1 no such user"),
        (550, "no such user"),
        (552, "5.3.4 message too big"),
        (553, "5.1.8 sender domain does not exist"),
        (554, "5.7.1 spam"),
        (501, "5.5.4 syntax"),
        (550, "5.7.26 The sender must authenticate with at least one of SPF or DKIM"),
        (554, "delivery error: dd This user doesn't have a yahoo.com account"),
        (550, "5.7.1 Email rejected per DMARC policy"),
    ],
)
def test_a_permanent_refusal_is_permanent(code: int, text: str) -> None:
    """5xx about this mail: trying again cannot help."""
    outcome = refusal("the message", code, text)
    assert isinstance(outcome, Permanent)
    assert str(outcome) == f"the mail server refused the message: {code} {text}"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (450, "4.2.1 mailbox busy"),
        (450, ""),
        (451, "4.3.0 try again later"),
        (451, "Temporary failure, please try again later."),
        (451, "Temporary local problem - please try later"),
        (450, "4.1.1 <a@example.com>: unverified address: Address verification in progress"),
        (450, "4.2.2 mailbox over quota"),
        (452, "4.2.2 The email account that you tried to reach is over quota and inactive"),
        (450, "4.2.1 The user you are trying to contact is receiving mail at a rate that prevents more"),
        (450, "4.7.1 greylisted"),
        (450, "4.2.0 Recipient address rejected: Greylisted, try again"),
        (451, "Gray-listing in action, too many first contacts"),
        (451, "4.7.1 Please try again later"),
        (454, "4.7.1 <a@example.com>: Relay access denied"),
        (554, "5.7.1 <a@example.com>: Relay access denied"),
        (550, "relay not permitted"),
        (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
        (450, "4.1.8 <h@acme.example>: Sender address rejected: Domain not found"),
        (451, "4.3.0 Error: queue file write error"),
        (451, "4.4.0 DNS lookup failure"),
    ],
)
def test_a_temporary_refusal_is_greylisting_until_proven_otherwise(code: int, text: str) -> None:
    """4xx about this mail or its recipient: again in minutes, and no attempt of the job is counted."""
    outcome = refusal("the message", code, text, sender="hello@acme.example")
    assert isinstance(outcome, Deferred)
    assert (outcome.delay, outcome.asked) == (timedelta(minutes=5), None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.4.5 Daily user sending quota exceeded. r3sm1 - gsmtp"),
        (550, "5.4.5 Daily SMTP relay limit exceeded for customer."),
        (554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message"),
        (550, "5.1.90 Your message can't be sent because you've reached your daily limit for message recipients"),
        (554, "5.7.0 Your message could not be sent. The limit on the number of allowed messages was exceeded."),
        (554, "5.7.0 Your message could not be sent. Try again later."),
        (550, "5.4.5 <hello@acme.example> Daily user sending quota exceeded."),
        (550, "5.7.705 Access denied, tenant has exceeded threshold"),
        (550, "5.1.8 Access denied, bad outbound sender"),
        (554, "5.7.1 You have exceeded your hourly email limit"),
        (550, "Domain acme.example has exceeded the max emails per hour (501/500 (100%)) allowed. Message discarded."),
        (552, "Too many messages sent today, come back tomorrow"),
        (550, "Maximum credits exceeded"),
        (451, "4.7.0 Sending quota for today exceeded"),
        (452, "4.3.0 Daily message limit reached for this account"),
        (454, "Throttling failure: Daily message quota exceeded."),
        (550, "5.7.1 Outgoing mail is limited to 200 messages per day"),
        (535, "5.7.0 Too many login attempts today, try again later"),
    ],
)  # fmt: skip
def test_a_used_up_quota_holds_the_sender_and_not_the_mail(code: int, text: str) -> None:
    """By its code or in words, with 4xx or 5xx: again in an hour, as all mail of that sender."""
    outcome = refusal("the message", code, text, sender="hello@acme.example")
    assert isinstance(outcome, Held), outcome
    assert (outcome.delay, outcome.sender) == (QUOTA, "hello@acme.example")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (421, "4.7.28 unusual rate of unsolicited mail"),
        (450, "Too many messages"),
        (450, "4.7.1 rate limit"),
        (454, "sending rate limit exceeded"),
        (454, "Throttling failure: Maximum sending rate exceeded."),
        (550, "5.7.1 you are sending too fast, slow down"),
    ],
)
def test_a_sender_that_is_too_fast_waits_for_minutes(code: int, text: str) -> None:
    """The rate is the sender's."""
    outcome = refusal("the message", code, text)
    assert isinstance(outcome, Held), outcome
    assert outcome.delay == LIMITED


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.2.2 mailbox full, quota exceeded"),
        (552, "5.2.2 Over quota"),
        (552, "5.3.4 Message size exceeds fixed limit"),
        (552, "message exceeds the maximum size limit"),
        (554, "5.4.6 Too many hops"),
        (554, "5.7.1 message refused, spam score 9.1 exceeds limit"),
        (550, "5.1.1 no such user, check the address and try again later"),
        (550, "Too many invalid recipients"),
    ],
)
def test_the_limits_of_others_are_no_quota(code: int, text: str) -> None:
    """A full mailbox, a mail too large, a loop: final, and no reason to hold anybody else."""
    assert isinstance(refusal("the message", code, text), Permanent)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (421, "4.3.2 service closing"),
        (421, ""),
        (421, "4.7.0 Too many concurrent SMTP connections"),
        (452, "4.3.1 insufficient system storage"),
    ],
)
def test_a_busy_server_costs_no_attempt(code: int, text: str) -> None:
    """The mail is not at fault where the server closes, is full or has too many connections."""
    outcome = refusal("the message", code, text)
    assert type(outcome) is Snooze
    assert outcome.delay == BUSY


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (504, "5.5.2 <3f2a9c1d7b60>: Helo command rejected: need fully-qualified hostname"),
        (501, "Syntactically invalid EHLO argument(s)"),
        (550, "5.7.1 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)"),
        (450, "4.7.1 <worker.local>: Helo command rejected: Host not found"),
    ],
)
def test_a_refused_name_is_a_wrong_setting(code: int, text: str) -> None:
    """At any stage, because Postfix says so at RCPT only; the reason names SMTP_HELO."""
    outcome = refusal("the recipient ada@example.com", code, text)
    assert isinstance(outcome, Held)
    assert (outcome.delay, outcome.sender) == (MISCONFIGURED, "")
    assert "SMTP_HELO" in str(outcome)


@pytest.mark.parametrize(
    "text",
    [
        "5.1.1 <helo@example.com>: no such user",
        "unknown user ehlo@example.com",
        '5.1.1 <"daily sending quota exceeded"@example.com>: no such user',
        "5.7.1 <too-many-messages@example.com>: Access denied",
        "5.7.1 <please-authenticate@example.com>: Access denied",
    ],
)
def test_whoever_chooses_an_address_does_not_choose_what_a_reply_means(text: str) -> None:
    """What the server repeats of it is no word of the server's: else one address could stop all mail."""
    assert isinstance(refusal("the recipient x", 550, text, sender="hello@acme.example"), Permanent)


def test_a_recipient_to_be_asked_later_holds_nobody_else() -> None:
    """Whoever answers for one mailbox must not be able to stop the sender's other mail."""
    outcome = refusal("the recipient x@example.com", 554, "5.7.1 not now, try again later", sender="hello@acme.example")
    assert isinstance(outcome, Deferred)


def test_recipients_beyond_one_transaction_are_to_follow() -> None:
    """RFC 5321 has 452, older servers 550 or 552."""
    for code, text in ((452, "4.5.3 recipients over the limit"), (552, "Too many recipients")):
        outcome = refusal("the recipient", code, text)
        assert isinstance(outcome, Deferred)
        assert outcome.asked == timedelta(seconds=1)


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_missing_or_wrong_credentials_cost_no_attempt(code: int) -> None:
    """A wrong password must not turn the queue into dead letters; the reason names the setting."""
    outcome = refusal("the sender", code, "5.7.0 authentication required")
    assert isinstance(outcome, Held)
    assert outcome.delay == MISCONFIGURED
    assert "SMTP_PASSWORD" in str(outcome)


@pytest.mark.parametrize(
    ("code", "text", "setting"),
    [
        (550, "5.7.1 Client host rejected: need to authenticate", "SMTP_PASSWORD"),
        (550, "SMTP AUTH is required for message submission on port 587", "SMTP_PASSWORD"),
        (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", "MAIL_FROM"),
        (553, "5.7.1 <x@y.example>: Sender address rejected: not owned by user z@y.example", "MAIL_FROM"),
    ],
)
def test_a_reply_about_our_settings_is_no_end_of_the_mail(code: int, text: str, setting: str) -> None:
    """It names the setting; said to a recipient, it may be another server's, and holds nobody but that one."""
    outcome = refusal("the sender", code, text, sender="hello@acme.example")
    assert isinstance(outcome, Held)
    assert (outcome.delay, outcome.sender) == (MISCONFIGURED, "hello@acme.example")
    assert setting in str(outcome)
    assert isinstance(refusal("the recipient a@example.com", code, text, sender="hello@acme.example"), Deferred)


def _refused(**replies: tuple[int, str]) -> dict[str, Permanent | Snooze]:
    return {
        f"{name}@example.com": refusal(f"the recipient {name}@example.com", *reply) for name, reply in replies.items()
    }


def test_every_refused_recipient_is_named() -> None:
    """Nobody's refusal is hidden behind another's, and each keeps its own outcome."""
    outcome = recipients_refusal(_refused(a=(550, "5.1.1 no such user"), b=(550, "5.1.2 no such host")))
    assert isinstance(outcome, RecipientsRefused)
    assert "a@example.com: 550 5.1.1 no such user" in str(outcome)
    assert "b@example.com: 550 5.1.2 no such host" in str(outcome)
    assert outcome.refused.keys() == {"a@example.com", "b@example.com"}


def test_one_who_may_be_asked_again_keeps_the_mail_alive() -> None:
    """Where one is refused for good and another put off, the mail is put off, and says both."""
    outcome = recipients_refusal(_refused(a=(550, "5.1.1 no such user"), b=(450, "4.7.1 greylisted")))
    assert isinstance(outcome, Deferred)
    assert isinstance(outcome.refused["a@example.com"], Permanent)


def test_a_quota_found_at_one_recipient_holds_the_sender() -> None:
    """Whatever was said to the others."""
    outcome = recipients_refusal(_refused(a=(450, "4.2.1 busy"), b=(550, "5.4.5 Daily user sending quota exceeded")))
    assert isinstance(outcome, Held)


def test_a_reply_cannot_break_the_reason_into_lines() -> None:
    """A server's words become one line of ASCII: they go into a header."""
    words = str(refusal("the message", 550, "5.1.1 two\nlines \udcff é\x00"))
    assert words.isascii()
    assert words.isprintable()


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ("2.0.0 Ok: queued as 4bXy1z2Wq", "4bXy1z2Wq"),
        ("2.0.0 3q8-ab Message accepted; queued as <q.1@mx>, thanks", "<q.1@mx>"),
        ("OK 1690200000 x12-y345 - gsmtp", "OK 1690200000 x12-y345 - gsmtp"),
        ("", ""),
    ],
)
def test_the_servers_name_for_the_mail_is_kept(reply: str, name: str) -> None:
    """The queue id where the reply has one, else what it says."""
    assert provider_id(reply) == name

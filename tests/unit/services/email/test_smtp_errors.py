"""What a refusal by an SMTP server means for the job."""

from datetime import timedelta

import pytest
from aiosmtplib import SMTPRecipientRefused

from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import SendFailedError
from services.email.smtp_errors import BUSY, LIMITED, MISCONFIGURED, provider_id, recipients_refusal, refusal


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.1.1 no such user"),
        (550, "no such user"),
        (552, "5.3.4 message too big"),
        (553, "5.1.8 sender domain does not exist"),
        (554, "5.7.1 spam"),
        (501, "5.5.4 syntax"),
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
        (452, "4.2.2 mailbox full"),
        (452, "4.5.3 recipients over the limit"),
    ],
)
def test_a_temporary_refusal_is_a_failed_attempt(code: int, text: str) -> None:
    """4xx about this mail or its recipient: again later, and counted."""
    assert isinstance(refusal("the message", code, text), SendFailedError)


@pytest.mark.parametrize(
    ("code", "text", "delay"),
    [
        (421, "4.3.2 service closing", BUSY),
        (421, "", BUSY),
        (452, "4.3.1 insufficient system storage", BUSY),
        (450, "4.7.1 greylisted", LIMITED),
        (450, "4.2.0 Recipient address rejected: Greylisted, try again", LIMITED),
        (451, "Gray-listing in action", LIMITED),
        (421, "4.7.28 unusual rate of mail", LIMITED),
        (450, "Too many messages", LIMITED),
        (454, "sending rate limit exceeded", LIMITED),
    ],
)
def test_a_busy_or_limiting_server_costs_no_attempt(code: int, text: str, delay: timedelta) -> None:
    """The mail is not at fault where the server closes, is full, limits its clients or greylists."""
    outcome = refusal("the message", code, text)
    assert isinstance(outcome, Snooze)
    assert outcome.delay == delay


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_missing_or_wrong_credentials_cost_no_attempt(code: int) -> None:
    """A wrong password must not turn the queue into dead letters; the reason names the setting."""
    outcome = refusal("the sender", code, "5.7.0 authentication required")
    assert isinstance(outcome, Snooze)
    assert outcome.delay == MISCONFIGURED
    assert "SMTP_PASSWORD" in str(outcome)


def test_every_refused_recipient_is_named() -> None:
    """Nobody's refusal is hidden behind another's, nor that the others got nothing."""
    refused = [
        SMTPRecipientRefused(550, "5.1.1 no such user", "a@example.com"),
        SMTPRecipientRefused(450, "4.2.1 busy", "b@example.com"),
    ]
    outcome = recipients_refusal(refused, accepted=3)
    assert isinstance(outcome, Permanent)
    assert "a@example.com: 550 5.1.1 no such user" in str(outcome)
    assert "b@example.com: 450 4.2.1 busy" in str(outcome)
    assert "to nobody, also not to the 3 that it accepted" in str(outcome)


def test_the_longest_wait_of_several_recipients_holds() -> None:
    """Where nobody is refused for good and one is greylisted, the mail waits for that one without an attempt."""
    refused = [
        SMTPRecipientRefused(421, "4.3.2 closing", "a@example.com"),
        SMTPRecipientRefused(450, "4.7.1 greylisted", "b@example.com"),
        SMTPRecipientRefused(450, "4.2.1 busy", "c@example.com"),
    ]
    outcome = recipients_refusal(refused, accepted=0)
    assert isinstance(outcome, Snooze)
    assert outcome.delay == LIMITED


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

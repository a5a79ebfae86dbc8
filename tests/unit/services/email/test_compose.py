"""What is decided about a mail before it is sent."""

from dataclasses import replace
from datetime import timedelta

from contracts.email import SendEmail
from services.email.compose import compose
from services.email.mailer import Mailbox
from tests.unit.services.email.mails import NOW

SENDER = "Acme <hello@acme.example>"


def test_two_attempts_make_the_same_mail() -> None:
    """Message-ID and idempotency key follow from the job's id: only the date tells two attempts apart."""
    message = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
    first = compose(message, job_key="job-1", sender=SENDER, files=(), now=NOW)
    second = compose(message, job_key="job-1", sender=SENDER, files=(), now=NOW + timedelta(minutes=5))
    assert first == replace(second, date=NOW)
    assert first.message_id == "<job-1.email.send@acme.example>"
    assert first.idempotency_key == "email.send/job-1"


def test_another_job_is_another_mail() -> None:
    """Two jobs with the same text are two mails."""
    message = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
    one, other = (compose(message, job_key=key, sender=SENDER, files=(), now=NOW) for key in ("job-1", "job-2"))
    assert one.message_id != other.message_id
    assert one.idempotency_key != other.idempotency_key


def test_the_longest_key_fits_the_provider() -> None:
    """An idempotency key has at most 256 characters."""
    message = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
    assert len(compose(message, job_key="k" * 200, sender=SENDER, files=(), now=NOW).idempotency_key) <= 256


def test_the_message_may_name_its_sender() -> None:
    """`from` goes before the service's own sender, also in the domain of the Message-ID."""
    message = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>", sender="Bob <bob@müller.example>")
    mail = compose(message, job_key="job-1", sender=SENDER, files=(), now=NOW)
    assert mail.sender == Mailbox("Bob", "bob@xn--mller-kva.example")
    assert mail.message_id == "<job-1.email.send@xn--mller-kva.example>"


def test_plain_text_is_derived_when_absent() -> None:
    """A mail without `text` has one all the same; a given one is left as it is."""
    message = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi <b>Ada</b></p>")
    assert compose(message, job_key="j", sender=SENDER, files=(), now=NOW).text == "Hi Ada\n"
    given = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>", text="Hello")
    assert compose(given, job_key="j", sender=SENDER, files=(), now=NOW).text == "Hello"


def test_everybody_is_a_recipient_once() -> None:
    """Who stands in to, cc and bcc at the same time gets one mail."""
    message = SendEmail(
        to=("a@example.com", "B <b@example.com>"), cc="b@example.com", bcc=("c@example.com", "a@example.com"),
        subject="Hi", body="<p>Hi</p>", reply_to="r@example.com",
    )  # fmt: skip
    mail = compose(message, job_key="j", sender=SENDER, files=(), now=NOW)
    assert mail.recipients == ("a@example.com", "b@example.com", "c@example.com")
    assert mail.reply_to == Mailbox("", "r@example.com")

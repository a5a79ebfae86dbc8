"""What the handler does with a mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from contracts.email import Attachment, SendEmail
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Skip
from nightshift.testing import FakeObjectStore
from services.email.attachments import AttachmentMissingError
from services.email.handlers import send_email
from services.email.mailer import OutgoingMail, Sent
from services.email.rules import MailRules
from tests.unit.services.email.mails import NOW


class FakeMailer:
    """Records mails; raises `refusal` if there is one."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.mails: list[OutgoingMail] = []
        self.refusal = refusal

    async def send(self, mail: OutgoingMail) -> Sent:
        """See `Mailer`."""
        if self.refusal:
            raise self.refusal
        self.mails.append(mail)
        return Sent("smtp", "4bXy1z")

    async def check(self) -> None:
        """See `Mailer`."""

    async def close(self) -> None:
        """See `Mailer`."""


class FakeSuppressions:
    """Has some addresses on its list, and records the mails that are not sent."""

    def __init__(self, **listed: str) -> None:
        self.listed = {f"{name}@example.com": reason for name, reason in listed.items()}
        self.recorded: list[tuple[str, tuple[str, ...], str]] = []

    async def among(self, addresses: Sequence[str]) -> dict[str, str]:
        """See `Suppressions`."""
        return {
            address.lower(): self.listed[address.lower()] for address in addresses if address.lower() in self.listed
        }

    async def record(self, job: Job, mail: OutgoingMail, why: str, now: datetime) -> None:
        """See `Suppressions`."""
        assert now == NOW
        self.recorded.append((job.id, mail.recipients, why))


async def handle(
    message: SendEmail,
    mailer: FakeMailer,
    objects: FakeObjectStore | None = None,
    suppressions: FakeSuppressions | None = None,
) -> Job:
    """Runs the handler and returns the job with what it wants written."""
    job = Job("email", "email.send", "job/1", "~key")
    await send_email(
        message,
        job,
        mailer=mailer,
        objects=objects or FakeObjectStore(),
        suppressions=suppressions or FakeSuppressions(),
        rules=MailRules("Acme <hello@acme.example>", attachment_bytes=100),
        now=lambda: NOW,
    )
    return job


def message(**changes: Any) -> SendEmail:
    """A message with whatever should be different."""
    return SendEmail(**{"to": "Ada <ada@example.com>", "subject": "Hi", "body": "<p>Hi</p>"} | changes)


async def test_a_sent_mail_is_noted() -> None:
    """A row says to whom, through what, when, under which ids; it is one statement for all mails."""
    mailer = FakeMailer()
    job = await handle(message(bcc="bob@example.com"), mailer)
    other = await handle(message(), mailer)
    (statement, values), ((other_statement, _),) = job.writes[0], other.writes
    assert statement is other_statement
    assert values == {
        "job_id": "job/1",
        "recipients": ["ada@example.com", "bob@example.com"],
        "subject": "Hi",
        "transport": "smtp",
        "provider_id": "4bXy1z",
        "message_id": "<~key.email.send@acme.example>",
        "sent_at": NOW,
        "status_reason": None,
    }


async def test_a_refusal_is_passed_on_and_nothing_noted() -> None:
    """What the mailer says is what the chassis hears."""
    with pytest.raises(Permanent, match="no such user"):
        await handle(message(), FakeMailer(Permanent("no such user")))


async def test_attachments_are_sent_along() -> None:
    """The bytes come from the object store."""
    objects, mailer = FakeObjectStore(), FakeMailer()
    await objects.put("reports/a.txt", b"hello", "text/plain")
    await handle(message(attachments=(Attachment(key="reports/a.txt", file_name="A.txt"),)), mailer, objects)
    assert mailer.mails[0].files[0].content == b"hello"


async def test_no_mail_goes_without_its_attachment() -> None:
    """Where one is missing, nothing is sent."""
    mailer = FakeMailer()
    with pytest.raises(AttachmentMissingError):
        await handle(message(attachments=(Attachment(key="reports/a.txt", file_name="A.txt"),)), mailer)
    assert mailer.mails == []


@pytest.mark.parametrize(
    ("forbidden", "setting"),
    [
        ({"sender": "ceo@bank.example"}, "MAIL_SENDERS"),
        ({"attachments": (Attachment(key="uploads/bob/1", file_name="1"),)}, "MAIL_ATTACHMENT_PREFIXES"),
    ],
)
async def test_what_is_not_allowed_is_given_up_before_anything_is_read(forbidden: Any, setting: str) -> None:
    """A foreign sender, somebody's file: a dead letter that names the setting, though the store would not answer."""
    mailer, objects = FakeMailer(), FakeObjectStore()
    objects.unavailable = "gone"
    with pytest.raises(Permanent, match=setting):
        await handle(message(**forbidden), mailer, objects)
    assert mailer.mails == []


async def test_long_html_is_read_off_the_event_loop() -> None:
    """The result is the same; other jobs go on meanwhile."""
    mailer = FakeMailer()
    await handle(message(body="<p>word</p>" * 20_000), mailer)
    assert mailer.mails[0].text.count("word") == 20_000


async def test_an_address_on_the_suppression_list_is_left_out() -> None:
    """The others get their mail, and the row says who did not, and why; capitals make no other address."""
    mailer, listed = FakeMailer(), FakeSuppressions(bob="complained", eve="bounced")
    everybody = message(to=("ada@example.com", "Bob@Example.com"), cc="cyd@example.com", bcc="eve@example.com")
    job = await handle(everybody, mailer, suppressions=listed)
    (mail,) = mailer.mails
    assert mail.recipients == ("ada@example.com", "cyd@example.com")
    ((_, values),) = job.writes
    assert values is not None
    assert values["recipients"] == ["ada@example.com", "cyd@example.com"]
    assert values["status_reason"] == (
        "left out, as the suppression list has bob@example.com (complained), eve@example.com (bounced)"
    )


async def test_a_mail_that_is_for_nobody_any_more_is_not_sent() -> None:
    """There is nothing to do, also where a copy would be left: the row and the log say why."""
    mailer, listed = FakeMailer(), FakeSuppressions(ada="bounced")
    with pytest.raises(Skip, match=r"^not sent, as the suppression list has ada@example.com \(bounced\)$"):
        await handle(message(cc="cyd@example.com"), mailer, suppressions=listed)
    assert mailer.mails == []
    reason = "not sent, as the suppression list has ada@example.com (bounced)"
    assert listed.recorded == [("job/1", ("ada@example.com", "cyd@example.com"), reason)]

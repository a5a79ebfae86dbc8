"""What the email service as a process lets through to a real mail server, out of a real object store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from contracts.email import Attachment, SendEmail
from nightshift.broker import Connection, connect
from nightshift.broker.direct_get import read_all
from nightshift.config.settings import Settings, load
from nightshift.embedded.servers.mailbox import messages
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore
from nightshift.runtime.object_stores import object_store
from tests.harness import eventually
from tests.servers import serving

PRIVATE, REPORT = "uploads/bob/passport.png", "reports/7/weekly.html"


@dataclass
class Post:
    """The service at work, and hands on what it works with."""

    stack: Stack
    connection: Connection
    objects: ObjectStore

    async def order(self, job_id: str, *, sender: str | None = None, key: str | None = None) -> None:
        """Asks for a mail as any producer may."""
        attachments = (Attachment(key=key, file_name="file"),) if key else ()
        message = SendEmail(to=f"{job_id}@example.com", subject="Hi", body="Hi", sender=sender, attachments=attachments)
        await Publisher(self.connection).publish(message, job_id=job_id)

    def mails(self, job_id: str) -> list[bytes]:
        """The mails of a job, as they were caught."""
        recipient = f"X-Envelope-To: {job_id}@example.com".encode()
        return [mail for path in messages(self.stack.mail.mailbox) if recipient in (mail := path.read_bytes())]

    async def dead_letters(self) -> dict[str, tuple[str, str]]:
        """Reason and error of each dead letter, by job id."""
        letters = await read_all(self.connection, "EMAIL_DLQ")
        return {one.headers["Job-Id"]: (one.headers["Dead-Reason"], one.headers["Dead-Error"]) for one in letters}


@pytest.fixture(scope="module")
async def post(stack: Stack) -> AsyncIterator[Post]:
    """A provisioned stack with a private file and a report in its store."""
    await stack.provision()
    settings = load(Settings, stack.environment())
    connection, objects = await connect(settings, name="test"), object_store(settings)
    await objects.put(PRIVATE, b"private", "image/png")
    await objects.put(REPORT, b"<p>report</p>", "text/html")
    try:
        async with serving(Service(stack, "email", extra={"MAIL_SENDERS": "@shop.example"})):
            yield Post(stack, connection, objects)
    finally:
        await objects.close()
        await connection.close()


async def test_nobody_can_have_a_private_file_mailed_or_a_mail_sent_in_a_foreign_name(post: Post) -> None:
    """Both are dead letters at once that name the setting; nothing reaches the mail server."""
    await post.order("thief", key=PRIVATE)
    await post.order("forger", sender="CEO <ceo@bank.example>")
    letters = await eventually(lambda: _both(post), what="two dead letters")
    assert letters["thief"][0] == letters["forger"][0] == "permanent"
    assert "MAIL_ATTACHMENT_PREFIXES" in letters["thief"][1]
    assert "MAIL_SENDERS" in letters["forger"][1]
    assert not post.mails("thief")
    assert not post.mails("forger")


async def _both(post: Post) -> dict[str, tuple[str, str]]:
    letters = await post.dead_letters()
    return letters if letters.keys() >= {"thief", "forger"} else {}


async def test_a_report_and_an_allowed_sender_go_through(post: Post) -> None:
    """The object of an allowed folder arrives, from an address of the domain that the setting names."""
    await post.order("reader", sender="Shop <orders@shop.example>", key=REPORT)
    (mail,) = await eventually(lambda: post.mails("reader"), what="the mail")
    assert b"From: Shop <orders@shop.example>" in mail
    assert b'filename="file"' in mail

"""A sent mail leaves a row behind."""

from datetime import UTC, datetime

from sqlalchemy import select

from contracts.email import SendEmail
from nightshift.database import migrate, open_database
from nightshift.messaging.job import Job
from nightshift.testing import FakeObjectStore
from schema.tables import email_deliveries
from services.email.handlers import send_email
from services.email.rules import MailRules
from services.email.smtp import SmtpMailer
from services.email.suppressions import DatabaseSuppressions
from tests.integration.services.email.smtp_script import SmtpScript
from tests.integration.services.email.test_conformance import server_of


async def test_the_row_of_a_delivery_can_be_read_back(script: SmtpScript, database_url: str) -> None:
    """To whom, through what, when, under which ids: as the table keeps it."""
    await migrate(database_url)
    mailer, job = SmtpMailer(server_of(script)), Job("email", "email.send", "job-1", "job-1")
    message = SendEmail(to=("ada@example.com", "bob@example.com"), subject="Grüße", body="<p>Hi</p>")
    before = datetime.now(UTC)
    database = open_database(database_url)
    await send_email(
        message,
        job,
        mailer=mailer,
        objects=FakeObjectStore(),
        suppressions=DatabaseSuppressions(database, "smtp"),
        rules=MailRules("hello@acme.example"),
    )
    await mailer.close()
    async with database.write() as connection:
        for statement, values in job.writes:
            await connection.execute(statement, dict(values or {}))
    async with database.read() as connection:
        (row,) = (await connection.execute(select(email_deliveries))).all()
    await database.close()
    assert row.job_id == "job-1"
    assert row.recipients == ["ada@example.com", "bob@example.com"]
    assert (row.status, row.status_at, row.status_reason) == ("sent", None, None)
    assert (row.subject, row.transport, row.provider_id) == ("Grüße", "smtp", "4bXy1z")
    assert row.message_id == "<job-1.email.send@acme.example>"
    assert f"Message-ID: {row.message_id}\r\n".encode() in script.received[0].content
    assert before <= row.sent_at <= datetime.now(UTC)

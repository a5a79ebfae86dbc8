"""A mail leaves a row behind."""

from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import select

from contracts.email import SendEmail
from nightshift.database import migrate, open_database
from nightshift.messaging.job import Job
from nightshift.outcomes import Snooze
from nightshift.testing import FakeObjectStore
from schema.tables import email_deliveries
from services.email.deliveries import Deliveries
from services.email.handlers import send_email
from services.email.metrics import MailMetrics
from services.email.rules import MailRules
from services.email.smtp import SmtpMailer
from services.email.suppressions import DatabaseSuppressions
from tests.integration.services.email.smtp_script import SmtpScript
from tests.integration.services.email.test_conformance import server_of


async def test_the_row_of_a_delivery_can_be_read_back(script: SmtpScript, database_url: str) -> None:
    """To whom, through what, when, under which ids, and what became of it for whom: as the table keeps it."""
    await migrate(database_url)
    mailer, job = SmtpMailer(server_of(script)), Job("email", "email.send", "job-1", "job-1")
    message = SendEmail(to=("ada@example.com", "bob@example.com"), subject="Grüße", body="<p>Hi</p>")
    before = datetime.now(UTC)
    database = open_database(database_url)
    script.rcpt["bob@example.com"].append("450 4.2.2 mailbox over quota")
    sending = partial(
        send_email,
        message,
        job,
        mailer=mailer,
        deliveries=Deliveries(database),
        objects=FakeObjectStore(),
        suppressions=DatabaseSuppressions(database, "smtp"),
        rules=MailRules("hello@acme.example"),
        metrics=MailMetrics(),
    )
    with pytest.raises(Snooze, match="over quota"):
        await sending()
    async with database.read() as connection:
        (waiting,) = (await connection.execute(select(email_deliveries))).all()
    assert (waiting.status, waiting.tries, waiting.outcomes["bob@example.com"]["state"]) == ("waiting", 1, "waiting")
    await sending()
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
    assert row.status == "sent"
    assert {address: outcome["state"] for address, outcome in row.outcomes.items()} == {
        "ada@example.com": "accepted", "bob@example.com": "accepted",
    }  # fmt: skip
    assert [received.recipients for received in script.received] == [["ada@example.com"], ["bob@example.com"]]

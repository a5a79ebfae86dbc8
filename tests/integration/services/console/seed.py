"""Jobs, dead letters and workers to look at: among them text that attacks whoever shows it."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from nightshift.broker import Connection
from nightshift.broker.jetstream import store
from nightshift.contract import wire
from nightshift.embedded.servers.mailbox import Mailbox
from nightshift.messaging import outbound

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"
DIED = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


async def waiting(connection: Connection, count: int, job_type: str = "email.send") -> None:
    """Store jobs that nobody runs."""
    for number in range(count):
        headers = {wire.JOB_ID: f"mail-{number}"}
        await store(connection, wire.job_subject(job_type), headers, b'{"to":"ada@example.com","subject":"Hi"}')


async def later(connection: Connection, count: int, job_type: str, *, attempts: int) -> None:
    """Store jobs that wait for their time, or, after attempts that have failed, for the next one."""
    due = datetime.now(UTC) + timedelta(hours=1)
    for number in range(count):
        job_id = f"after-{attempts}-{number}"
        headers = {wire.ATTEMPT_BASE: str(attempts)} if attempts else {}
        copy = outbound.scheduled(job_type, job_id, b"{}", headers, due)
        await store(connection, copy.subject, copy.headers, copy.body)


async def dead(
    connection: Connection,
    error: str,
    *,
    job_id: str,
    job_type: str = "email.send",
    died: datetime = DIED,
    attempts: int = 12,
) -> int:
    """Store a dead letter; return its sequence."""
    headers = {
        wire.JOB_ID: job_id,
        wire.DEAD_REASON: "attempts-exhausted",
        wire.DEAD_ERROR: error,
        wire.DEAD_ATTEMPTS: str(attempts),
        wire.DEAD_TIME: died.isoformat(),
        wire.DEAD_SUBJECT: wire.job_subject(job_type),
    }
    body = b'{"to":"ada@example.com","subject":"Hi","body":"<p>Hello</p>"}'
    return (await store(connection, wire.dead_subject(job_type), headers, body)).seq


def mail(folder: Path) -> None:
    """Keep a message in a folder as the mail catcher does: with a text, an HTML text, and an attachment."""
    message = EmailMessage()
    message["From"], message["To"] = "Nightshift <nightshift@example.com>", "ada@example.com"
    message["Subject"] = "Your weekly report"
    message.set_content("Hello Ada,\n\nyour weekly report is ready: 1,873 rows.\n")
    style = "font-family: sans-serif; color: #1b2330"
    ready = "<p>Your weekly report is ready: <b>1,873 rows</b>.</p>"
    message.add_alternative(f'<div style="{style}"><h1>Hello Ada,</h1>{ready}</div>', subtype="html")
    message.add_attachment(b"day,users\n2026-11-28,100\n", maintype="text", subtype="csv", filename="report.csv")
    Mailbox(folder).store(message.as_bytes(), "nightshift@example.com", ["ada@example.com"])

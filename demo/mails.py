"""Mails: published by hand, from Python, as a batch, for later, and cancelled."""

import asyncio
from datetime import UTC, datetime, timedelta

from contracts.email import SendEmail
from demo.runner import Stage

_TYPED = b'{"to":"ada@example.com","subject":"Typed by hand","body":"<p>A JSON body is a complete job.</p>"}'


async def sent_at_once(stage: Stage) -> None:
    """Publish a body without any header, a message from Python, and a batch that is stored as one."""
    stage.begin("email", "the same job from three kinds of producer")
    stage.note("$ nats pub jobs.email.send '" + _TYPED.decode() + "'")
    await _publish_as_typed(stage)
    await stage.publisher.publish(
        SendEmail(to="grace@example.com", subject="From Python", body="<p>await publisher.publish(SendEmail(…))</p>")
    )
    batch = [
        SendEmail(to="batch@example.com", subject=f"Number {number} of 25", body="<p>All or nothing.</p>")
        for number in range(1, 26)
    ]
    await stage.publisher.publish_many(batch)
    folder = str(stage.stack.mail.mailbox)
    await stage.expect("a JSON body typed by hand becomes a mail", lambda: stage.mails("ada@example.com"), where=folder)
    await stage.expect("a mail from the Python publisher", lambda: stage.mails("grace@example.com"), where=folder)
    await stage.expect("25 mails from one batch", lambda: len(stage.mails("batch@example.com")) == 25, where=folder)  # noqa: PLR2004 - as published


async def _publish_as_typed(stage: Stage) -> None:
    """Publish as `nats pub` does: subject and body, nothing else."""
    stage.connection.send(b"jobs.email.send", _TYPED)
    await stage.connection.flush()


async def later(stage: Stage) -> None:
    """Publish one mail for later, and one that is cancelled before it is due."""
    stage.begin("later", "the broker keeps a job until its time has come")
    delay = timedelta(seconds=2)
    due = datetime.now(UTC) + delay
    await stage.publisher.publish_later(
        SendEmail(to="later@example.com", subject="On time", body="<p>Two seconds later.</p>"), at=due
    )
    await stage.publisher.publish_later(
        SendEmail(to="never@example.com", subject="Never", body="<p>Cancelled.</p>"), at=due, job_id="demo-cancelled"
    )
    cancelled = await stage.publisher.cancel("email.send", "demo-cancelled")
    await stage.expect("a delayed job is cancelled", lambda: cancelled)
    mail = await stage.expect("the other one arrives", lambda: stage.mails("later@example.com"))
    early = mail is not None and mail[0].stat().st_mtime < due.timestamp()
    await stage.expect("not before its time", lambda: mail is not None and not early)
    await asyncio.sleep(max(0.0, (due + timedelta(seconds=1) - datetime.now(UTC)).total_seconds()))
    await stage.expect("the cancelled one never does", lambda: not stage.mails("never@example.com"))


async def once(stage: Stage) -> None:
    """Publish the same job three times, past the broker's own filter for duplicates."""
    stage.begin("once", "a job with the same Job-Id three times has one effect")
    header = b"NATS/1.0\r\nJob-Id: demo-once\r\n\r\n"
    body = b'{"to":"once@example.com","subject":"Only once","body":"<p>Published three times.</p>"}'
    for _ in range(3):
        stage.connection.send(b"jobs.email.send", body, b"", header)
    await stage.connection.flush()

    async def worked_off() -> bool:
        return await stage.waiting("email") == 0

    await stage.expect("a mail arrives", lambda: stage.mails("once@example.com"))
    await stage.expect("all three deliveries are worked off", worked_off)
    await stage.expect("there is one mail, not three", lambda: len(stage.mails("once@example.com")) == 1)

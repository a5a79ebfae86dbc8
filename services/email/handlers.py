"""Works off one mail: composes it, has it sent, notes that it was."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import insert

from contracts.email import SendEmail
from nightshift.instants import utc_now
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from schema.tables import email_deliveries
from services.email.attachments import fetch
from services.email.compose import compose
from services.email.mailer import Mailer

_RECORD = insert(email_deliveries)
_LONG = 64 * 1024
"""Characters. Reading the text out of longer HTML takes long enough to do it in a thread, where it holds up nobody."""


async def send_email(
    message: SendEmail,
    job: Job,
    *,
    mailer: Mailer,
    objects: ObjectStore,
    sender: str,
    attachment_bytes: int,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Sends a mail to all of its recipients or to none, and notes to whom, through what, when and under which ids.

    `Mailer.send` says which refusal is a dead letter, which waits and which counts as an attempt. An attachment that
    is not in the object store counts as an attempt: it may still be on its way there.

    Args:
        message: what was asked for.
        job: whose id makes a repeated mail recognisable.
        mailer: what sends it.
        objects: where the attachments are.
        sender: who it comes from when the message does not say.
        attachment_bytes: the attachments together may have so many.
        now: the clock.
    """
    files = await fetch(objects, message.attachments, limit_bytes=attachment_bytes) if message.attachments else []
    composing = partial(compose, message, job_key=job.key, sender=sender, files=files, now=now())
    mail = await asyncio.to_thread(composing) if len(message.body) > _LONG else composing()
    sent = await mailer.send(mail)
    job.write(
        _RECORD,
        {
            "job_id": job.id,
            "recipients": list(mail.recipients),
            "subject": mail.subject,
            "transport": sent.transport,
            "provider_id": sent.provider_id,
            "message_id": mail.message_id,
            "sent_at": now(),
        },
    )

"""Send one mail and record its delivery."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import insert

from contracts.email import SendEmail
from nightshift.instants import utc_now
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.outcomes import Skip
from schema.tables import email_deliveries
from services.email.attachments import fetch
from services.email.compose import compose
from services.email.mailer import Mailer
from services.email.rules import MailRules
from services.email.suppressions import Suppressions, in_words, left_out

_RECORD = insert(email_deliveries)
_LONG = 64 * 1024
"""Characters. Longer HTML is converted to text in a thread, so that it does not block the event loop."""


async def send_email(
    message: SendEmail,
    job: Job,
    *,
    mailer: Mailer,
    objects: ObjectStore,
    suppressions: Suppressions,
    rules: MailRules,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Send a mail to all of its recipients or to none, and record recipients, transport, time and ids.

    Whoever is on the suppression list is left out; if nobody is left in `to`, the mail is not sent.

    `Mailer.send` defines which refusal is a dead letter, which waits and which counts as an attempt. A missing
    attachment counts as an attempt: it may still be being uploaded.

    Args:
        message: the mail as requested.
        job: its id makes a repeated mail recognisable.
        mailer: the transport.
        objects: the store of the attachments.
        suppressions: the addresses that get no mail.
        rules: the sender of a message that names none, and which senders and attachments are let through.
        now: the clock.
    """
    rules.check(message)
    limit = rules.attachment_bytes
    files = await fetch(objects, message.attachments, limit_bytes=limit) if message.attachments else []
    composing = partial(compose, message, job_key=job.key, sender=rules.sender, files=files, now=now())
    mail = await asyncio.to_thread(composing) if len(message.body) > _LONG else composing()
    listed = await suppressions.among(mail.recipients)
    everybody, mail = mail, left_out(mail, listed)
    if not mail.to:
        why = f"not sent, as the suppression list has {in_words(listed)}"
        await suppressions.record(job, everybody, why, now())
        raise Skip(why)
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
            "status_reason": f"left out, as the suppression list has {in_words(listed)}" if listed else None,
        },
    )

"""Turn a `SendEmail` into a complete `OutgoingMail`, the same at every attempt."""

from collections.abc import Sequence
from datetime import datetime

from contracts.email import SendEmail
from services.email.address_check import domain_of, mailbox, mailboxes
from services.email.html_to_text import plain_text
from services.email.mailer import File, OutgoingMail


def compose(message: SendEmail, *, job_key: str, sender: str, files: Sequence[File], now: datetime) -> OutgoingMail:
    """Fill in what the message leaves open: its sender, its plain text, and the ids derived from the job.

    Args:
        message: the mail as requested.
        job_key: the job's id as a safe token, which makes `Message-ID` and idempotency key the same at every attempt.
        sender: the sender of a message that names none.
        files: the attachments, with their bytes.
        now: the mail's date.

    Raises:
        Permanent: an address cannot exist.
    """
    author = mailbox(message.sender or sender)
    return OutgoingMail(
        sender=author,
        to=mailboxes(message.to),
        cc=mailboxes(message.cc or ()),
        bcc=mailboxes(message.bcc or ()),
        reply_to=mailbox(message.reply_to) if message.reply_to else None,
        subject=message.subject,
        html=message.body,
        text=message.text or plain_text(message.body),
        files=tuple(files),
        message_id=f"<{job_key}.{message.TYPE}@{domain_of(author)}>",
        idempotency_key=f"{message.TYPE}/{job_key}",
        date=now,
    )

"""Render an `OutgoingMail` as the bytes that SMTP transports."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from services.email.mailer import OutgoingMail
from services.email.mime_headers import address_header, text_header

# 7 bit whatever the server announces: the rest is quoted-printable or base64.
_POLICY = SMTP.clone(cte_type="7bit")


def render(mail: OutgoingMail) -> bytes:
    """Return the message: HTML with its plain-text alternative, then the attachments; bcc is in no header."""
    return "".join(_headers(mail)).encode("utf-8") + _content(mail).as_bytes()


def needs_utf8(mail: OutgoingMail) -> bool:
    """Return whether an address of the mail has letters beyond ASCII: only servers with SMTPUTF8 take such mail."""
    boxes = (mail.sender, *mail.to, *mail.cc, *mail.bcc, *((mail.reply_to,) if mail.reply_to else ()))
    return not all(box.address.isascii() for box in boxes)


def _headers(mail: OutgoingMail) -> Iterator[str]:
    yield address_header("From", [mail.sender])
    if mail.reply_to:
        yield address_header("Reply-To", [mail.reply_to])
    yield address_header("To", mail.to)
    if mail.cc:
        yield address_header("Cc", mail.cc)
    yield text_header("Subject", mail.subject)
    yield f"Date: {format_datetime(mail.date)}\r\n"
    yield f"Message-ID: {mail.message_id}\r\n"


def _content(mail: OutgoingMail) -> EmailMessage:
    content = EmailMessage(_POLICY)
    content.set_content(mail.text)
    content.add_alternative(mail.html, subtype="html")
    for file in mail.files:
        kind, _, subtype = file.content_type.partition("/")
        content.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)
    return content

"""Ready-made mails for the tests of the email service."""

from datetime import UTC, datetime
from typing import Any

from services.email.mailer import Mailbox, OutgoingMail

NOW = datetime(2026, 7, 24, 9, 30, tzinfo=UTC)


def mail(**changes: Any) -> OutgoingMail:
    """Returns a mail to one recipient, with whatever should be different."""
    usual: dict[str, Any] = {
        "sender": Mailbox("Acme", "hello@acme.example"),
        "to": (Mailbox("Ada", "ada@example.com"),),
        "subject": "Hi",
        "html": "<p>Hi</p>",
        "text": "Hi\n",
        "message_id": "<job-1.email.send@acme.example>",
        "idempotency_key": "email.send/job-1",
        "date": NOW,
    }
    return OutgoingMail(**usual | changes)

"""The suppression list: addresses that get no mail, because they bounced, complained, or were put there by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from nightshift import Job
from nightshift.database import Database
from schema.tables import email_deliveries, email_suppressions
from services.email.mailer import Mailbox, OutgoingMail, Transport

_FIND = select(email_suppressions.c.address, email_suppressions.c.reason).where(
    email_suppressions.c.address.in_(bindparam("addresses", expanding=True))
)
_RECORD = {
    "sqlite": sqlite.insert(email_deliveries).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(email_deliveries).on_conflict_do_nothing(),
}


class Suppressions(Protocol):
    """Knows which addresses get no mail."""

    async def among(self, addresses: Sequence[str]) -> Mapping[str, str]:
        """Return those of the addresses that are on the list, each with the reason; the list has lower case only."""

    async def record(self, job: Job, mail: OutgoingMail, why: str, now: datetime) -> None:
        """Write the row of a mail that is not sent; it is there once, however often the job is delivered."""


class DatabaseSuppressions:
    """The list in the database; `transport` is what mails would be sent through."""

    def __init__(self, database: Database, transport: Transport) -> None:
        self._database, self._transport = database, transport

    async def among(self, addresses: Sequence[str]) -> Mapping[str, str]:
        """See `Suppressions.among`."""
        wanted = {address.lower() for address in addresses}

        def ask(connection: Connection) -> dict[str, str]:
            return {row.address: row.reason for row in connection.execute(_FIND, {"addresses": sorted(wanted)})}

        return await self._database.ask(ask)

    async def record(self, job: Job, mail: OutgoingMail, why: str, now: datetime) -> None:
        """See `Suppressions.record`."""
        row = {
            "id": f"suppressed-{job.key}",
            "job_id": job.id,
            "recipients": list(mail.recipients),
            "subject": mail.subject,
            "transport": self._transport,
            "message_id": mail.message_id,
            "sent_at": now,
            "status": "suppressed",
            "status_at": now,
            "status_reason": why,
        }
        async with self._database.write() as connection:
            await connection.execute(_RECORD[self._database.dialect], row)


def left_out(mail: OutgoingMail, listed: Mapping[str, str]) -> OutgoingMail:
    """Return the mail without the recipients that are on the list."""

    def kept(boxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
        return tuple(box for box in boxes if box.address.lower() not in listed)

    return replace(mail, to=kept(mail.to), cc=kept(mail.cc), bcc=kept(mail.bcc))


def in_words(listed: Mapping[str, str]) -> str:
    """Return whom the list leaves out, and why: `ada@example.com (bounced)`."""
    return ", ".join(f"{address} ({reason})" for address, reason in sorted(listed.items()))

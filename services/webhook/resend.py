"""What Resend tells of a mail that it took: it bounced, or its reader complained (https://resend.com/docs/webhooks).

The delivery's row says so from then on, and addresses that bounce for good, or complain, get no more mail.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from nightshift import Job, Snooze, WebhookEvent
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.webhooks.handled import Id, convert
from schema.tables import email_deliveries as deliveries
from schema.tables import email_suppressions as suppressions

_SOON = timedelta(seconds=20)
_ROW_MAY_COME = timedelta(minutes=5)
"""The row of a delivery is written after Resend has taken the mail: its bounce may be faster."""
_PERMANENT = "permanent"
_LONGEST_ADDRESS = 320
_INSIDE = re.compile(r"<([^<>]*)>\s*\Z")
_FIND = select(deliveries.c.id).where(
    deliveries.c.transport == "resend", deliveries.c.provider_id == bindparam("this_mail")
)
_MARK = (
    update(deliveries)
    .where(
        deliveries.c.transport == "resend",
        deliveries.c.provider_id == bindparam("this_mail"),
        or_(
            deliveries.c.status_at.is_(None), deliveries.c.status_at < bindparam("at", type_=deliveries.c.sent_at.type)
        ),
    )
    .values(
        status=bindparam("new_status"),
        status_at=bindparam("at", type_=deliveries.c.sent_at.type),
        status_reason=bindparam("new_reason"),
    )
)
_SUPPRESS = {
    "sqlite": sqlite.insert(suppressions).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(suppressions).on_conflict_do_nothing(),
}


class _Bounce(msgspec.Struct):
    message: str = ""
    type: str = ""
    sub_type: str = msgspec.field(default="", name="subType")


class _Mail(msgspec.Struct):
    email_id: Id
    to: list[str] = []
    bounce: _Bounce | None = None


class _MailEvent(msgspec.Struct):
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    data: _Mail


class _Ending(NamedTuple):
    status: str
    reason: str


async def mail_bounced(
    event: WebhookEvent, job: Job, *, database: Database, now: Callable[[], datetime] = utc_now
) -> str:
    """Record that a mail bounced; an address that bounces for good is put on the suppression list.

    A bounce that is not for good (a full mailbox) is only recorded.
    """
    about = convert(event, _MailEvent)
    bounce = about.data.bounce or _Bounce()
    kind = " ".join(filter(None, (bounce.type, bounce.sub_type)))
    ending = _Ending("bounced", ": ".join(filter(None, (kind, bounce.message))) or "Resend gives no reason")
    await _wait_for_row(event, about, database, now())
    _mark(job, about, ending)
    if bounce.type.lower() == _PERMANENT:
        _suppress(job, about, ending, database, now())
    return about.data.email_id


async def mail_complained(
    event: WebhookEvent, job: Job, *, database: Database, now: Callable[[], datetime] = utc_now
) -> str:
    """Record that a reader marked a mail as spam, and put the address on the suppression list."""
    about = convert(event, _MailEvent)
    ending = _Ending("complained", "its reader marked a mail as spam")
    await _wait_for_row(event, about, database, now())
    _mark(job, about, ending)
    _suppress(job, about, ending, database, now())
    return about.data.email_id


async def _wait_for_row(event: WebhookEvent, about: _MailEvent, database: Database, now: datetime) -> None:
    """Let the event wait where the delivery's row may still come.

    Later none will come: the mail is another application's, sent through the same account at Resend.
    """
    if now - event.about.received_at >= _ROW_MAY_COME:
        return
    async with database.read() as connection:
        if (await connection.execute(_FIND, {"this_mail": about.data.email_id})).first() is None:
            raise Snooze(_SOON, f"there is no delivery {about.data.email_id} yet")


def _mark(job: Job, about: _MailEvent, ending: _Ending) -> None:
    row = {"new_status": ending.status, "at": about.created_at, "new_reason": ending.reason}
    job.write(_MARK, {"this_mail": about.data.email_id, **row})


def _suppress(job: Job, about: _MailEvent, ending: _Ending, database: Database, now: datetime) -> None:
    """Put the mail's only recipient on the list; of several, Resend does not say which it was."""
    addresses = [_address(text) for text in about.data.to]
    if len(addresses) == 1 and len(addresses[0]) <= _LONGEST_ADDRESS:
        row = {"address": addresses[0], "reason": ending.status, "detail": ending.reason}
        job.write(_SUPPRESS[database.dialect], row | {"created_at": now})


def _address(text: str) -> str:
    """Return the bare address in lower case, as the suppression list has it: `Ada <ada@example.com>`."""
    inside = _INSIDE.search(text)
    return (inside[1] if inside else text).strip().lower()

"""The row of a report: how it is found and asked for, and what becomes of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BindParameter, bindparam, exists, func, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database
from schema.tables import reports, users
from services.report.parameters import Parameters
from services.report.queries.dead_letters import DeadLetters

_A_WEEK_OR_SO = timedelta(days=6)


class ReportNotFoundError(Exception):
    """No row has this id, or not yet: its producer's transaction may still be open."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the row asks for; `email` is whom to tell, None if nobody."""

    id: str
    kind: str
    email: str | None
    parameters: dict[str, Any]
    created_at: datetime


def _new(column: str) -> BindParameter[Any]:
    return bindparam(f"new_{column}", type_=reports.c[column].type)


_THIS = reports.c.id == bindparam("this_id")
_UNFINISHED = reports.c.status != "done"

_FIND = (
    select(
        reports.c.id,
        reports.c.kind,
        func.coalesce(func.nullif(reports.c.requester_email, ""), users.c.email).label("email"),
        reports.c.parameters,
        reports.c.created_at,
    )
    .select_from(reports.outerjoin(users, users.c.id == reports.c.requested_by))
    .where(_THIS)
)
_LOCK = select(reports.c.parameters).where(_THIS).with_for_update()
_KEEP = update(reports).where(_THIS).values({reports.c.parameters: _new("parameters")})
_BEGUN = update(reports).where(_THIS, _UNFINISHED).values({reports.c.status: "running", reports.c.error: None})
_FAILED = (
    update(reports)
    .where(_THIS, _UNFINISHED)
    .values(
        {reports.c.status: "failed", reports.c.error: _new("error"), reports.c.finished_at: _new("finished_at")},
    )
)
_WAITING = (
    update(reports).where(_THIS, _UNFINISHED).values({reports.c.status: "pending", reports.c.error: _new("error")})
)
_EARLIER = (
    select(reports.c.parameters)
    .where(
        reports.c.kind == bindparam("this_kind"),
        reports.c.status == "done",
        reports.c.created_at <= bindparam("before", type_=reports.c.created_at.type),
    )
    .order_by(reports.c.created_at.desc(), reports.c.id.desc())
    .limit(1)
)

ASKED_FOR = insert(reports).from_select(
    ["id", "kind", "requester_email", "parameters", "status", "created_at", "requested_by"],
    select(
        bindparam("this_id", type_=reports.c.id.type),
        _new("kind"),
        _new("requester_email"),
        _new("parameters"),
        bindparam("new_status", "pending", type_=reports.c.status.type),
        _new("created_at"),
        null(),
    ).where(~exists().where(_THIS)),
)
"""Asks for a report that nobody in particular wants; its values are made by `asked_for`. Once per id."""

DONE = (
    update(reports)
    .where(_THIS)
    .values(
        {
            reports.c.status: "done",
            **{reports.c[name]: _new(name) for name in ("error", "html_key", "csv_key", "finished_at")},
        }
    )
)
"""Notes the result; its values are made by `done`."""


async def find(database: Database, report_id: str) -> Report:
    """Returns the report of this id.

    Raises:
        ReportNotFoundError: there is no such row (yet).
    """
    async with database.read() as connection:
        row = (await connection.execute(_FIND, {"this_id": report_id})).mappings().one_or_none()
    if row is None:
        raise ReportNotFoundError(f"no report has the id {report_id!r}: its row is not committed yet, or was deleted")
    return Report(**{**row, "parameters": row["parameters"] or {}})


async def begin(database: Database, report: Report, seen: DeadLetters | None) -> DeadLetters | None:
    """Notes on the row that it is being made, and what was seen; returns what the first attempt saw.

    In a transaction of its own, so that an attempt that fails has said it; repeating it changes nothing.
    """
    this = {"this_id": report.id}
    async with database.write() as connection:
        noted = (await connection.execute(_LOCK, this)).scalar_one_or_none() or {}
        first = kept(noted)
        if seen is not None and first is None:
            parameters = {**noted, "deadLetters": msgspec.to_builtins(seen)}
            await connection.execute(_KEEP, {**this, "new_parameters": parameters})
        await connection.execute(_BEGUN, this)
    return first or seen


async def seen_a_week_before(connection: AsyncConnection, report: Report) -> DeadLetters | None:
    """What the last report of the same kind saw that is about a week older; None if there is none."""
    values = {"this_kind": report.kind, "before": report.created_at - _A_WEEK_OR_SO}
    parameters = (await connection.execute(_EARLIER, values)).scalar_one_or_none()
    return kept(parameters or {})


def kept(parameters: dict[str, Any]) -> DeadLetters | None:
    """What an attempt has kept there."""
    try:
        return msgspec.convert(parameters, Parameters).dead_letters
    except msgspec.ValidationError:
        return None


async def mark_failed(database: Database, report: Report, reason: str, now: datetime) -> None:
    """Notes on the row why the report cannot be made.

    In a transaction of its own, because a dead letter rolls a job's effects back; repeating it changes nothing, and
    a report that another delivery has made stays as it is.
    """
    async with database.write() as connection:
        await connection.execute(_FAILED, {"this_id": report.id, "new_error": reason, "new_finished_at": now})


async def mark_waiting(database: Database, report: Report, reason: str) -> None:
    """Notes on the row that it is not being made just now, and why the last attempt did not make it; as above."""
    async with database.write() as connection:
        await connection.execute(_WAITING, {"this_id": report.id, "new_error": reason})


def done(report: Report, *, html_key: str, csv_key: str, error: str | None, now: datetime) -> dict[str, Any]:
    """Returns the values of `DONE`; `error` is what went wrong beside the report itself."""
    return {
        "this_id": report.id,
        "new_error": error,
        "new_html_key": html_key,
        "new_csv_key": csv_key,
        "new_finished_at": now,
    }


def asked_for(
    report_id: str, *, kind: str, email: str | None, parameters: dict[str, Any], written_at: datetime
) -> dict[str, Any]:
    """Returns the values of `ASKED_FOR`."""
    return {
        "this_id": report_id,
        "new_kind": kind,
        "new_requester_email": email,
        "new_parameters": parameters,
        "new_status": "pending",
        "new_created_at": written_at,
    }

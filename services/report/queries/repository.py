"""The row of a report: request it, find it, and record its progress and result."""

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

_ALMOST_A_WEEK = timedelta(days=6)


class ReportNotFoundError(Exception):
    """No row has this id (yet): its producer's transaction may still be open."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the row asks for; `email` is whom to notify, None for nobody."""

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
_RECORD = update(reports).where(_THIS).values({reports.c.parameters: _new("parameters")})
_RUNNING = update(reports).where(_THIS, _UNFINISHED).values({reports.c.status: "running", reports.c.error: None})
_FAILED = (
    update(reports)
    .where(_THIS, _UNFINISHED)
    .values(
        {reports.c.status: "failed", reports.c.error: _new("error"), reports.c.finished_at: _new("finished_at")},
    )
)
_PENDING = (
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

REQUESTED = insert(reports).from_select(
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
"""Inserts a report requested by no user, unless its id exists; `requested` makes the parameters."""

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
"""Records the result; `done` makes the parameters."""


async def find(database: Database, report_id: str) -> Report:
    """Return the report of this id.

    Raises:
        ReportNotFoundError: there is no such row (yet).
    """
    async with database.read() as connection:
        row = (await connection.execute(_FIND, {"this_id": report_id})).mappings().one_or_none()
    if row is None:
        raise ReportNotFoundError(f"no report has the id {report_id!r}: its row is not committed yet, or was deleted")
    return Report(**{**row, "parameters": row["parameters"] or {}})


async def start(database: Database, report: Report, counts: DeadLetters | None) -> DeadLetters | None:
    """Mark the row as running and record the counts of dead letters; return those of the first attempt.

    In a transaction of its own, so that it holds even if the attempt fails. Idempotent.
    """
    this = {"this_id": report.id}
    async with database.write() as connection:
        recorded = (await connection.execute(_LOCK, this)).scalar_one_or_none() or {}
        first = recorded_counts(recorded)
        if counts is not None and first is None:
            parameters = {**recorded, "deadLetters": msgspec.to_builtins(counts)}
            await connection.execute(_RECORD, {**this, "new_parameters": parameters})
        await connection.execute(_RUNNING, this)
    return first or counts


async def counts_a_week_before(connection: AsyncConnection, report: Report) -> DeadLetters | None:
    """Return the counts of the last report of the same kind that is about a week older; None if there is none."""
    values = {"this_kind": report.kind, "before": report.created_at - _ALMOST_A_WEEK}
    parameters = (await connection.execute(_EARLIER, values)).scalar_one_or_none()
    return recorded_counts(parameters or {})


def recorded_counts(parameters: dict[str, Any]) -> DeadLetters | None:
    """Return the counts that an earlier attempt recorded in the row's parameters; None if there are none."""
    try:
        return msgspec.convert(parameters, Parameters).dead_letters
    except msgspec.ValidationError:
        return None


async def mark_failed(database: Database, report: Report, reason: str, now: datetime) -> None:
    """Mark the row as failed, with the reason.

    In a transaction of its own, because a dead letter rolls the job's effects back. Idempotent; a report that another
    delivery has finished stays done.
    """
    async with database.write() as connection:
        await connection.execute(_FAILED, {"this_id": report.id, "new_error": reason, "new_finished_at": now})


async def mark_pending(database: Database, report: Report, reason: str) -> None:
    """Mark the row as pending, with the error of the last attempt; otherwise like `mark_failed`."""
    async with database.write() as connection:
        await connection.execute(_PENDING, {"this_id": report.id, "new_error": reason})


def done(report: Report, *, html_key: str, csv_key: str, error: str | None, now: datetime) -> dict[str, Any]:
    """Return the parameters of `DONE`; `error` is a problem that does not concern the report itself."""
    return {
        "this_id": report.id,
        "new_error": error,
        "new_html_key": html_key,
        "new_csv_key": csv_key,
        "new_finished_at": now,
    }


def requested(
    report_id: str, *, kind: str, email: str | None, parameters: dict[str, Any], created_at: datetime
) -> dict[str, Any]:
    """Return the parameters of `REQUESTED`."""
    return {
        "this_id": report_id,
        "new_kind": kind,
        "new_requester_email": email,
        "new_parameters": parameters,
        "new_status": "pending",
        "new_created_at": created_at,
    }

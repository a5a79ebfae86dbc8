"""`nightshift workers`: which processes are there, and what each has in hand."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from nightshift.broker import Connection
from nightshift.cli.client.command import Groups, command, group
from nightshift.cli.client.context import Context
from nightshift.cli.queries.discover_workers import workers
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE
from nightshift.cli.terminal.formatting import number, span
from nightshift.cli.terminal.output import Column
from nightshift.cli.terminal.parse_time import duration
from nightshift.topology.discovery import WorkerInfo


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One process."""

    service: str
    host: str
    pid: int
    version: str
    started: datetime
    slots: int
    in_flight: int
    finished: int
    per_second: float | None
    health: str


def register(groups: Groups) -> None:
    """Declares the commands."""
    listing = command(
        group(groups, "workers", "The processes that are there."),
        "list",
        "Ask every process to answer; one whose event loop stands still does not.",
        example="nightshift workers list",
        run=_list,
    )
    listing.add_argument(
        "--sample",
        type=duration,
        default=timedelta(seconds=1),
        metavar="SPAN",
        help="measure rates so long (default 1s; 0s: not)",
    )


def columns(now: datetime) -> tuple[Column, ...]:
    """The columns of the list."""
    return (
        Column("SERVICE", lambda row: row.service),
        Column("HOST", lambda row: row.host),
        Column("PID", lambda row: str(row.pid), right=True),
        Column("VERSION", lambda row: row.version),
        Column("UP", lambda row: span(now - row.started), right=True),
        Column("IN FLIGHT", lambda row: f"{row.in_flight} of {row.slots}" if row.slots else "", right=True),
        Column("FINISHED", lambda row: number(row.finished) if row.slots else "", right=True),
        Column("JOBS/S", lambda row: "" if row.per_second is None else number(row.per_second, digits=1), right=True),
        Column("HEALTH", lambda row: row.health),
    )


async def _list(context: Context, options: argparse.Namespace) -> int:
    rows = await measured(await context.connection(), options.sample.total_seconds())
    context.output.rows(rows, columns(context.now), none="No process answers.")
    return DONE if rows else ANSWER_IS_NO


async def measured(connection: Connection, seconds: float) -> list[WorkerRow]:
    """Everybody who answers; rates over `seconds`, none for 0."""
    before = await workers(connection) if seconds else []
    began = asyncio.get_running_loop().time()
    if seconds:
        await asyncio.sleep(seconds)
    after = await workers(connection)
    return rows_of(before, after, asyncio.get_running_loop().time() - began if seconds else 0)


def rows_of(before: Sequence[WorkerInfo], after: Sequence[WorkerInfo], seconds: float) -> list[WorkerRow]:
    """The rows of those that answered last; who had answered before too has a rate."""
    known = {worker.name: worker.finished for worker in before}
    return [_row(worker, known.get(worker.name), seconds) for worker in after]


def _row(worker: WorkerInfo, finished_before: int | None, seconds: float) -> WorkerRow:
    measured_well = seconds > 0 and finished_before is not None and worker.slots > 0
    return WorkerRow(
        service=worker.service,
        host=worker.host,
        pid=worker.pid,
        version=worker.version,
        started=worker.started,
        slots=worker.slots,
        in_flight=worker.in_flight,
        finished=worker.finished,
        per_second=round((worker.finished - (finished_before or 0)) / seconds, 1) if measured_well else None,
        health=worker.health,
    )

"""`nightshift workers`: the running processes, and what each is doing."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from nightshift.broker import Connection
from nightshift.cli.client.context import Context
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE
from nightshift.cli.terminal.formatting import format_number, format_span
from nightshift.cli.terminal.table import Column
from nightshift.topology.discovery import WorkerInfo


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One running process."""

    service: str
    host: str
    pid: int
    version: str
    app_version: str
    started: datetime
    slots: int
    in_flight: int
    finished: int
    per_second: float | None
    loop_lag_seconds: float | None
    health: str


def columns(now: datetime) -> tuple[Column, ...]:
    """Return the columns of the list."""
    return (
        Column("SERVICE", lambda row: row.service),
        Column("HOST", lambda row: row.host, spare=2),
        Column("PID", lambda row: str(row.pid), right=True),
        Column("VERSION", lambda row: row.app_version or row.version, spare=4),
        Column("UP", lambda row: format_span(now - row.started), right=True, spare=1),
        Column("IN FLIGHT", lambda row: f"{row.in_flight} of {row.slots}" if row.slots else "", right=True),
        Column("FINISHED", lambda row: format_number(row.finished) if row.slots else "", right=True),
        Column(
            "JOBS/S", lambda row: "" if row.per_second is None else format_number(row.per_second, digits=1), right=True
        ),
        Column(
            "LAG",
            lambda row: "" if row.loop_lag_seconds is None else f"{row.loop_lag_seconds:.2f} s",
            right=True,
            spare=1,
        ),
        Column("HEALTH", lambda row: row.health, spare=3),
    )


async def list_workers(context: Context, options: argparse.Namespace) -> int:
    """List the processes that answer."""
    rows = await worker_rows(await context.connection(), options.sample.total_seconds())
    context.output.rows(rows, columns(context.now), none="No process answers.")
    return DONE if rows else ANSWER_IS_NO


async def worker_rows(connection: Connection, seconds: float) -> list[WorkerRow]:
    """Return a row for each process that answers; rates are measured over `seconds`, not at all for 0."""
    before = await running_workers(connection) if seconds else []
    began = asyncio.get_running_loop().time()
    if seconds:
        await asyncio.sleep(seconds)
    after = await running_workers(connection)
    return with_rates(before, after, asyncio.get_running_loop().time() - began if seconds else 0)


def with_rates(before: Sequence[WorkerInfo], after: Sequence[WorkerInfo], seconds: float) -> list[WorkerRow]:
    """Return the rows of the later answers; a process that had answered before, too, has a rate."""
    known = {worker.name: worker.finished for worker in before}
    return [_row(worker, known.get(worker.name), seconds) for worker in after]


def _row(worker: WorkerInfo, finished_before: int | None, seconds: float) -> WorkerRow:
    measured_well = seconds > 0 and finished_before is not None and worker.slots > 0
    return WorkerRow(
        service=worker.service,
        host=worker.host,
        pid=worker.pid,
        version=worker.version,
        app_version=worker.app_version,
        started=worker.started,
        slots=worker.slots,
        in_flight=worker.in_flight,
        finished=worker.finished,
        per_second=round((worker.finished - (finished_before or 0)) / seconds, 1) if measured_well else None,
        loop_lag_seconds=worker.loop_lag_seconds,
        health=worker.health,
    )

"""`nightshift top`: queues, workers, schedules and last errors on one screen, refreshed regularly."""

import argparse
import asyncio
import contextlib
from collections.abc import Sequence

import msgspec
from rich.console import Group
from rich.live import Live
from rich.text import Text

from nightshift.cli.actions import cron, dlq_show, queue_table, workers
from nightshift.cli.client.context import Context
from nightshift.cli.queries import timetable
from nightshift.cli.queries.dead_letters import CRON, newest_letters
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.queue_stats import QueueStats, Snapshot, take_snapshot, with_rates
from nightshift.cli.queries.topology import service_names, topology_of
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.cli.terminal.formatting import format_instant
from nightshift.cli.terminal.quit_key import quit_key
from nightshift.cli.terminal.table import table
from nightshift.topology.discovery import WorkerInfo

_LAST_ERRORS = 8
_SHORTEST_SECONDS = 0.2


class Dashboard(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The state of everything at one moment."""

    queues: list[QueueStats]
    workers: list[workers.WorkerRow]
    schedules: list[timetable.ScheduleRow]
    last_errors: list[dlq_show.LetterRow]


class Monitor:
    """Reader of the whole state; rates are measured between two readings."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shots: dict[str, Snapshot] = {}
        self._workers = list[WorkerInfo]()
        self._looked = 0.0
        self._letters = list[dlq_show.LetterRow]()
        self._last_sequences = dict[str, int]()

    async def read(self) -> Dashboard:
        """Return the current state."""
        context, connection = self._context, await self._context.connection()
        alive, now = await running_workers(connection), asyncio.get_running_loop().time()
        names = service_names(context)
        shots = await asyncio.gather(*(take_snapshot(connection, topology_of(context), name, alive) for name in names))
        before, self._shots = self._shots, {shot.stats.service: shot for shot in shots}
        rows = workers.with_rates(self._workers, alive, now - self._looked if self._looked else 0)
        self._workers, self._looked = alive, now
        service_named = timetable.schedules(context)
        return Dashboard(
            queues=[
                with_rates(before[name], shot) if name in before else shot.stats for name, shot in self._shots.items()
            ],
            workers=rows,
            schedules=await timetable.entries(connection, service_named, context.now),
            last_errors=await self._last_errors(names),
        )

    async def _last_errors(self, names: Sequence[str]) -> list[dlq_show.LetterRow]:
        """Return the newest dead letters; after the first time, only newer ones are read."""
        connection = await self._context.connection()
        for name in (*names, CRON):
            letters = await newest_letters(connection, name, _LAST_ERRORS, after=self._last_sequences.get(name, 0))
            if letters:
                self._last_sequences[name] = letters[-1].sequence
            self._letters += [dlq_show.row(letter, self._context.catalogue.messages) for letter in letters]
        self._letters = sorted(self._letters, key=lambda row: row.died)[-_LAST_ERRORS:]
        return self._letters


async def run(context: Context, options: argparse.Namespace) -> int:
    """Show the dashboard; on a terminal, until q or Ctrl-C."""
    monitor, seconds = Monitor(context), max(options.every.total_seconds(), _SHORTEST_SECONDS)
    dashboard = await monitor.read()
    if options.once or context.output.as_json or not context.output.out.is_terminal:
        if context.output.as_json:
            context.output.json(dashboard)
        else:
            context.output.show(render(context, dashboard))
        return DONE
    live = Live(render(context, dashboard), console=context.output.out, screen=True, auto_refresh=False)
    with quit_key() as pressed, live:
        while not await _within(pressed, seconds):
            live.update(render(context, await monitor.read()), refresh=True)
    return DONE


async def _within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def render(context: Context, dashboard: Dashboard) -> Group:
    """Return the tables, one below the other."""
    now, width = context.now, context.output.width
    return Group(
        Text(f"nightshift  {context.settings.nats_url}  {format_instant(now)}", style="bold"),
        Text(""),
        table(dashboard.queues, queue_table.columns(now), width=width),
        Text(""),
        table(dashboard.workers, workers.columns(now), width=width)
        if dashboard.workers
        else Text("no process answers", style="bold red"),
        Text(""),
        table(dashboard.schedules, cron.columns(now), width=width),
        Text(""),
        table(dashboard.last_errors, dlq_show.COLUMNS, width=width)
        if dashboard.last_errors
        else Text("no dead letters", style="green"),
    )

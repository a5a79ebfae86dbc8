"""`nightshift top`: queues, workers, schedules and last errors on one screen that keeps itself up to date."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from rich.console import Group
from rich.live import Live
from rich.text import Text

from nightshift.cli.client.command import Groups, command
from nightshift.cli.client.context import Context
from nightshift.cli.commands import cron, dlq_show, queue_table, workers
from nightshift.cli.queries import timetable
from nightshift.cli.queries.dead_letters import CRON, newest_letters
from nightshift.cli.queries.discover_workers import workers as roll_call
from nightshift.cli.queries.queue_stats import Figures, Snapshot, snapshot, with_rates
from nightshift.cli.queries.topology import declared, services
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.cli.terminal.formatting import instant
from nightshift.cli.terminal.output import table
from nightshift.cli.terminal.parse_time import duration
from nightshift.topology.discovery import WorkerInfo

_LAST_ERRORS = 8
_SHORTEST_SECONDS = 0.2


class Picture(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of it at one moment."""

    queues: list[Figures]
    workers: list[workers.WorkerRow]
    schedules: list[timetable.Entry]
    last_errors: list[dlq_show.LetterRow]


def register(groups: Groups) -> None:
    """Declares the command."""
    parser = command(
        groups,
        "top",
        "Watch queues, workers, schedules and last errors, until Ctrl-C.",
        example="nightshift top --every 5s",
        run=_run,
    )
    parser.add_argument(
        "--every", type=duration, default=timedelta(seconds=2), metavar="SPAN", help="how often (default 2s)"
    )
    parser.add_argument("--once", action="store_true", help="show it once and end; so it is where no terminal is")


class Watch:
    """Looks again and again; what it saw last makes the rates."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shots: dict[str, Snapshot] = {}
        self._workers = list[WorkerInfo]()
        self._looked = 0.0
        self._letters = list[dlq_show.LetterRow]()
        self._last_sequences = dict[str, int]()

    async def look(self) -> Picture:
        """The state of things now."""
        context, connection = self._context, await self._context.connection()
        alive, now = await roll_call(connection), asyncio.get_running_loop().time()
        names = services(context)
        shots = await asyncio.gather(*(snapshot(connection, declared(context), name, alive) for name in names))
        before, self._shots = self._shots, {shot.figures.service: shot for shot in shots}
        rows = workers.rows_of(self._workers, alive, now - self._looked if self._looked else 0)
        self._workers, self._looked = alive, now
        known = timetable.schedules(context)
        return Picture(
            queues=[
                with_rates(before[name], shot) if name in before else shot.figures for name, shot in self._shots.items()
            ],
            workers=rows,
            schedules=await timetable.entries(connection, known, context.now),
            last_errors=await self._last_errors(names),
        )

    async def _last_errors(self, names: Sequence[str]) -> list[dlq_show.LetterRow]:
        """Return the newest dead letters; after the first time only those are read that have come since."""
        connection = await self._context.connection()
        for name in (*names, CRON):
            letters = await newest_letters(connection, name, _LAST_ERRORS, after=self._last_sequences.get(name, 0))
            if letters:
                self._last_sequences[name] = letters[-1].sequence
            self._letters += [dlq_show.row(letter) for letter in letters]
        self._letters = sorted(self._letters, key=lambda row: row.died)[-_LAST_ERRORS:]
        return self._letters


async def _run(context: Context, options: argparse.Namespace) -> int:
    watch, seconds = Watch(context), max(options.every.total_seconds(), _SHORTEST_SECONDS)
    picture = await watch.look()
    if options.once or context.output.as_json or not context.output.out.is_terminal:
        if context.output.as_json:
            context.output.json(picture)
        else:
            context.output.show(drawn(context, picture))
        return DONE
    with Live(drawn(context, picture), console=context.output.out, screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(seconds)
            live.update(drawn(context, await watch.look()), refresh=True)


def drawn(context: Context, picture: Picture) -> Group:
    """The picture as tables below each other."""
    now = context.now
    return Group(
        Text(f"nightshift  {context.settings.nats_url}  {instant(now)}", style="bold"),
        Text(""),
        table(picture.queues, queue_table.columns(now)),
        Text(""),
        table(picture.workers, workers.columns(now))
        if picture.workers
        else Text("no process answers", style="bold red"),
        Text(""),
        table(picture.schedules, cron.columns(now)),
        Text(""),
        table(picture.last_errors, dlq_show.COLUMNS) if picture.last_errors else Text("no dead letters", style="green"),
    )

"""What needs a person, told in sentences: the first thing that the console says."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from nightshift.cli.actions.queue_table import FOREVER
from nightshift.cli.queries.queue_stats import QueueStats
from nightshift.cli.terminal.formatting import format_instant, format_span, plural
from nightshift.console.figures.reading import Fill, Sample
from nightshift.console.figures.section import Section
from nightshift.topology.topology import dead_letter_stream, queue_stream

_FULL = 0.8
_FARTHEST = 10 * 365 * 86_400.0
"""Seconds; beyond it a forecast says nothing."""
_LATE = timedelta(minutes=15)
"""The age of the oldest waiting job that is worth a look."""


class Concern(NamedTuple):
    """One thing that needs a person.

    `path` is the page that shows it, `command` shows or mends it by hand, `section` of the guide says what to do.
    """

    level: Literal["wrong", "warning"]
    text: str
    path: str
    command: str
    section: Section


def concerns(sample: Sample) -> Sequence[Concern]:
    """Return what needs a person, the worst first."""
    found = [one for row in sample.queues for one in concerns_of(row, sample)]
    if not any(worker.service == "scheduler" for worker in sample.workers):
        text, command = "No scheduler answers: no schedule fires.", "python -m nightshift.scheduler"
        found.append(Concern("wrong", text, "/workers", command, Section.SCHEDULE))
    return sorted(found, key=lambda concern: concern.level != "wrong")


def concerns_of(row: QueueStats, sample: Sample) -> Iterator[Concern]:
    """Yield what needs a person at one queue."""
    name, busy = row.service, row.waiting + row.in_flight + row.later
    page = f"/queues/{name}"
    if not row.workers and busy:
        text = f"No worker of {name} answers, and {plural(busy, 'job')} of it wait."
        yield Concern("wrong", text, page, "nightshift workers list", Section.UNAVAILABLE)
    if row.paused:
        ends = row.paused_until is not None and row.paused_until < FOREVER
        until = f" until {format_instant(row.paused_until)}" if ends else ""
        text = f"{name} is paused{until}; {plural(row.waiting, 'job')} waiting."
        yield Concern("warning", text, page, f"nightshift queues resume {name}", Section.BACKLOG)
    yield from _space(name, page, sample.fills.get(queue_stream(name)), "a publisher is refused")
    yield from _space(name, page, sample.fills.get(dead_letter_stream(name)), "a dead letter waits for room")
    if row.dead:
        text = f"{plural(row.dead, 'dead letter')} of {name}."
        command = f"nightshift dlq list --service {name}"
        yield Concern("warning", text, f"/dead?service={name}", command, Section.DEAD_LETTER)
    yield from _late(row, page, sample.at)


def _space(name: str, page: str, fill: Fill | None, consequence: str) -> Iterator[Concern]:
    if fill is not None and fill.share is not None and fill.share > _FULL:
        text = f"{fill.stream} is {fill.share:.0%} full; when it is full, {consequence}."
        yield Concern("wrong", text, page, f"nightshift queues describe {name}", Section.NEARLY_FULL)


def _late(row: QueueStats, page: str, now: datetime) -> Iterator[Concern]:
    if row.oldest is not None and not row.paused and row.workers and now - row.oldest > _LATE:
        text = f"The oldest job of {row.service} was published {format_span(now - row.oldest)} ago."
        yield Concern("warning", text, page, f"nightshift queues describe {row.service}", Section.BACKLOG)


def until_full(row: QueueStats, fill: Fill) -> timedelta | None:
    """Return when a queue's stream is full, if it goes on to grow as it does; None if it does not."""
    if row.per_second_in is None or row.per_second_out is None or not (fill.most and fill.messages and fill.size):
        return None
    grows = (row.per_second_in - row.per_second_out) * fill.size / fill.messages
    return timedelta(seconds=min(_FARTHEST, (fill.most - fill.size) / grows)) if grows > 0 else None


def seconds_until_empty(row: QueueStats) -> timedelta | None:
    """Return when a queue is empty at its present rates; None if it does not shrink, or nothing waits."""
    if row.per_second_in is None or row.per_second_out is None or not row.waiting:
        return None
    shrinks = row.per_second_out - row.per_second_in
    return timedelta(seconds=row.waiting / shrinks) if shrinks > 0 else None

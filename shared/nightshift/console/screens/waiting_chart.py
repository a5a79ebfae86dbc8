"""The chart of what waited in a queue in the last quarter of an hour; deploys, pauses and redrives are marked in it."""

from collections.abc import Iterator, Sequence
from operator import attrgetter

from nightshift.cli.queries.audit import RecordedAction
from nightshift.cli.terminal.formatting import brief, format_instant
from nightshift.console.context import ConsoleContext
from nightshift.console.figures.sampler import Point
from nightshift.console.screens.sparkline import WIDTH, Kind, Mark, Placed, Sparkline, sparkline

_LONGEST = 160


def waiting_chart(console: ConsoleContext, service: str) -> Sparkline | None:
    """Return the chart of a service's queue; None before there are two points."""
    points = list(console.sampler.history.get(service, ()))[-WIDTH:]
    minutes = max(1, round(len(points) / 6))
    line = sparkline(
        [point.waiting for point in points], f"waiting in the last {minutes} min: {{least:,}} to {{most:,}}"
    )
    if line is None:
        return None
    marks = list(_placed(points, sorted(_marks(console, service), key=attrgetter("at"))))
    words = "; ".join([line.words, *(one.mark.text for one in marks)])
    return line._replace(words=words, marks=marks)


def _marks(console: ConsoleContext, service: str) -> Iterator[Mark]:
    for one in console.sampler.workers.deploys(service):
        yield Mark("deploy", one.at, f"{brief(one.version, 40)} deployed, {format_instant(one.at)}")
    for action in console.pauses.marked:
        if service in _services(action):
            said = brief(": ".join(text for text in (action.what, action.reason) if text), _LONGEST)
            kind: Kind = "redrive" if action.action == "dlq.redrive" else "pause"
            yield Mark(kind, action.at, f"{said} ({brief(action.who, 60)}), {format_instant(action.at)}")


def _services(action: RecordedAction) -> set[str]:
    """Return the services that an action is on: `email`, `email:12`, or `email, sync`."""
    return {one.partition(":")[0] for one in action.on.split(", ")}


def _placed(points: Sequence[Point], marks: Sequence[Mark]) -> Iterator[Placed]:
    """Yield the marks that are within the chart, each at the first point after it."""
    left = WIDTH - len(points)
    for mark in marks:
        if mark.at >= points[0].at:
            later = sum(point.at >= mark.at for point in points)
            yield Placed(left + min(len(points) - later, len(points) - 1), mark)

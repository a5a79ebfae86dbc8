"""Who let a job run again after its death, as the record of actions has it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from nightshift.broker import Connection
from nightshift.cli.actions.dlq_words import names_job
from nightshift.cli.queries.audit import ActionFilter, RecordedAction, recorded_actions
from nightshift.cli.queries.events import Told
from nightshift.cli.queries.location import Location
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.instants import utc_now
from nightshift.outcomes import Unavailable

_MOST_READ = 2_000
"""Of the newest entries of the record."""
_CLOCKS = timedelta(seconds=5)
"""What workers tell and what people do is stamped by two clocks."""


async def revivals(
    connection: Connection, service: str, job_id: str, told: Sequence[Told], places: Iterable[Location]
) -> list[RecordedAction]:
    """Return the redrives between a death of a job and what came next: of it alone, or of many of its service.

    Without the record, or the broker, there are none.
    """
    windows = list(_windows(told, places))
    if not windows:
        return []
    wanted = ActionFilter(action="dlq.redrive", on=service, since=windows[0][0] - _CLOCKS)
    try:
        return [
            action
            async for action in recorded_actions(connection, wanted, most_read=_MOST_READ)
            if _may_be_of(action, service, job_id)
            and any(died - _CLOCKS <= action.at <= ran + _CLOCKS for died, ran in windows)
        ]
    except (CommandError, Unavailable):
        return []


def is_of_one(action: RecordedAction) -> bool:
    """Return whether an action was about one dead letter: `email:17`, and not `email`."""
    return ":" in action.on


def _windows(told: Sequence[Told], places: Iterable[Location]) -> Iterator[tuple[datetime, datetime]]:
    """Yield when the job died, and when something was known of it next."""
    for one, following in pairwise(told):
        if one.event.what == "dead":
            yield one.at, following.at
    elsewhere = [place for place in places if place.state != "dead"]
    if told and told[-1].event.what == "dead" and elsewhere:
        yield told[-1].at, max(place.at or utc_now() for place in elsewhere)


def _may_be_of(action: RecordedAction, service: str, job_id: str) -> bool:
    if is_of_one(action):
        return action.on.partition(":")[0] == service and names_job(action.what, job_id)
    return service in action.on.split(", ")

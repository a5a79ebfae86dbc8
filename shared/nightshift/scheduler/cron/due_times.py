"""When schedules come due: pure functions from a schedule and instants to due times.

Expressions are evaluated in the schedule's time zone. What a clock change does depends on what the expression says:

* It names hours of the day (`30 2 * * *`, `0 */6 * * *`, `*/15 1-3 * * *`): each wall-clock time comes due once.
  A repeated time comes due when the clock shows it first. A skipped time comes due at the first instant after the
  gap; several times that one gap skips come due together there, as one event.
* Its hour field is `*` (`0 * * * *`, `*/15 * * * *`): it is a rhythm and goes on as if nothing had happened. In a
  repeated hour each quarter is a due time of its own, so there is no pause of an hour; a gap of whole hours shifts
  the clock without a beat being lost. Where a gap is no whole number of hours (Lord Howe: 30 minutes), the beats that
  it swallows come due once, right after it.

A due time is an instant in UTC with whole seconds; each is due once, and they strictly increase.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from nightshift.scheduler.cron.dst import Showing, change_between, showing, wall_of
from nightshift.scheduler.cron.schedule import Schedule

GRACE = timedelta(seconds=60)
"""Up to so late an event is simply announced; later, the schedule's misfire policy decides."""
MOST_MADE_UP = 100
"""Due times that are made up for at once; the stream keeps twice as many events per schedule."""

_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)
_LAST_YEAR = 9990


def next_due(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first due time later than `after` (aware); None when the expression names no further day."""
    after = after.astimezone(UTC)
    wall = wall_of(after, schedule.zone)
    if wall.year >= _LAST_YEAR:
        return None
    if not schedule.expression.every_hour:
        return _next_time(schedule, wall, after)
    beat = _next_beat(schedule, wall, after)
    if wall.fold == 0 and (second := showing(wall.replace(microsecond=0), schedule.zone).second) is not None:
        # The clock will be set back over what it shows now: times that it has shown already come again.
        again = _first_beat_again(schedule, after, second)
        return min((due for due in (beat, again) if due is not None), default=None)
    return beat


def due_times(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield every due time later than `after` and not later than `until`, in order."""
    due = next_due(schedule, after)
    while due is not None and due <= until:
        yield due
        due = next_due(schedule, due)


def missed(schedule: Schedule, memory: datetime, now: datetime) -> list[datetime]:
    """Return the due times after `memory`, the last one dealt with, that are to be announced at `now`.

    What is at most `GRACE` late is no misfire and always among them. Of what is later, `skip` drops all, `latest`
    keeps the last one (none, if a due time within the grace stands for it), `all` the newest; 100 in total.
    """
    memory, now = memory.astimezone(UTC), now.astimezone(UTC)
    on_time = list(due_times(schedule, max(memory, now - GRACE - _SECOND), now))
    on_time = [due for due in on_time if due >= now - GRACE]
    wanted = {"skip": 0, "latest": 0 if on_time else 1, "all": MOST_MADE_UP - len(on_time)}[schedule.misfire]
    if wanted <= 0:
        return on_time
    late = _newest(schedule, memory, on_time[0] - _SECOND if on_time else now, wanted)
    return [*late, *on_time]


def _next_time(schedule: Schedule, wall: datetime, after: datetime) -> datetime | None:
    """Take each wall-clock time at its first instant; later wall-clock times never have earlier ones."""
    named = schedule.expression.next_after(wall)
    while named is not None:
        due = showing(named, schedule.zone).first
        if due > after:
            return due
        named = schedule.expression.next_after(named)
    return None


def _next_beat(schedule: Schedule, wall: datetime, after: datetime) -> datetime | None:
    """Take each wall-clock time at every instant at which the clock shows it."""
    named = schedule.expression.next_after(wall)
    while named is not None:
        shown = showing(named, schedule.zone)
        if shown.skipped_by and not shown.skipped_by % _HOUR:
            named = _end_of_gap(schedule, shown) - _SECOND
        elif shown.first > after:
            return shown.first
        elif shown.second is not None and shown.second > after:
            return shown.second
        named = schedule.expression.next_after(named)
    return None


def _end_of_gap(schedule: Schedule, shown: Showing) -> datetime:
    return wall_of(shown.first, schedule.zone)


def _first_beat_again(schedule: Schedule, after: datetime, second: datetime) -> datetime | None:
    """Return the first beat after the clock was set back, which happens between `after` and `second`."""
    change = change_between(after.replace(microsecond=0), second, schedule.zone)
    named = schedule.expression.next_after(wall_of(change, schedule.zone).replace(fold=0) - _SECOND)
    if named is None:
        return None
    shown = showing(named, schedule.zone)
    return shown.second or shown.first


def _newest(schedule: Schedule, after: datetime, until: datetime, count: int) -> list[datetime]:
    """Return the last `count` due times in (after, until], looking back further and further."""
    span = until - after
    window = timedelta(minutes=2)
    while True:
        since = max(after, until - window) if window < span else after
        found = deque(due_times(schedule, since, until), maxlen=count)
        if len(found) == count or since == after:
            return list(found)
        window *= 4

"""What a time zone's clock shows when, and what happens to a time that a clock change skips or repeats."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_NONE = timedelta()


class Showing(NamedTuple):
    """When a clock shows a wall-clock time: once, twice (`first` and `second`), or never (`skipped_by`)."""

    first: datetime
    """The first instant (UTC); for a skipped time the first instant after the gap."""
    second: datetime | None = None
    """The second instant of a repeated time."""
    skipped_by: timedelta = _NONE
    """How long the gap is that swallows it."""


def wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clock shows (naive) at an instant; `fold` is 1 when it shows that for the second time."""
    return instant.astimezone(zone).replace(tzinfo=None)


def showing(wall: datetime, zone: ZoneInfo) -> Showing:
    """Return when the clock shows `wall` (naive, whole seconds).

    The two readings of a wall-clock time, with the offset before and after a change (PEP 495), agree when there is no
    change; the earlier comes first when it is repeated, and last when it is skipped.
    """
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if before == after:
        return Showing(before)
    if before < after:
        return Showing(before, after)
    return Showing(change_between(after, before, zone), skipped_by=before - after)


def change_between(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant with the new offset, given one instant before the change and one at or after it."""
    offset = start.astimezone(zone).utcoffset()
    while end - start > _SECOND:
        middle = start + timedelta(seconds=(end - start) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            start = middle
        else:
            end = middle
    return end

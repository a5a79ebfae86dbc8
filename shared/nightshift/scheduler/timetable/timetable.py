"""The timetable: which schedules there are, as data."""

from collections.abc import Iterable
from pathlib import Path

from nightshift.scheduler.cron.schedule import Schedule, schedule
from nightshift.scheduler.timetable.file import TimetableError, changed_by_file

__all__ = ["BUILT_IN", "TimetableError", "load_timetable"]

BUILT_IN = (
    schedule("cleanup.daily", "0 0 * * *", "latest"),
    schedule("sync.all", "0 */6 * * *", "latest"),
    # A report is about the week that its due time ends: after an outage each week's is still wanted.
    schedule("report.weekly", "0 9 * * 1", "all"),
)


def load_timetable(file: Path | None = None, built_in: Iterable[Schedule] = BUILT_IN) -> tuple[Schedule, ...]:
    """Returns the built-in schedules, changed and added to by the settings file, if there is one.

    Raises:
        TimetableError: the file cannot be read, or entries are wrong; names every wrong entry and field.
    """
    known = {entry.name: entry for entry in built_in}
    return tuple(known.values()) if file is None else changed_by_file(file, known)

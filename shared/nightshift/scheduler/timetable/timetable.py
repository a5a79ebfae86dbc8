"""The timetable: all schedules, as data."""

from pathlib import Path

from nightshift.contract.catalogue import Catalogue
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.timetable.file import TimetableError, read_file

__all__ = ["TimetableError", "load_timetable"]


def load_timetable(catalogue: Catalogue, file: Path | None = None) -> tuple[Schedule, ...]:
    """Return the schedules that ship with the contracts, changed and added to by a file, if there is one.

    Raises:
        TimetableError: a file cannot be read, or entries are wrong; names every wrong entry and field.
    """
    shipped: tuple[Schedule, ...] = ()
    if catalogue.timetable is not None:
        shipped = read_file(catalogue.timetable, {}, catalogue.event_consumers)
    if file is None:
        return shipped
    return read_file(file, {entry.name: entry for entry in shipped}, catalogue.event_consumers)

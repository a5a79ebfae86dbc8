"""The timetable: all schedules, as data."""

from pathlib import Path

from nightshift.contract.catalogue import Catalogue
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.timetable.declared import declared_schedules
from nightshift.scheduler.timetable.file import TimetableError, read_file

__all__ = ["TimetableError", "load_timetable"]


def load_timetable(catalogue: Catalogue, file: Path | None = None) -> tuple[Schedule, ...]:
    """Return the schedules that ship with the contracts, changed and added to by a file, if there is one.

    Raises:
        TimetableError: a file cannot be read, or entries are wrong; names every wrong entry and field.
        DeclarationError: a schedule that a service declares is wrong.
    """
    shipped = {entry.name: entry for entry in declared_schedules(catalogue.schedules, catalogue.event_consumers)}
    for timetable in catalogue.timetables:
        shipped |= {entry.name: entry for entry in read_file(timetable, {}, catalogue.event_consumers)}
    return tuple(shipped.values()) if file is None else read_file(file, shipped, catalogue.event_consumers)

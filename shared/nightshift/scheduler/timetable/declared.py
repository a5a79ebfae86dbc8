"""Schedules that services declare in their modules."""

from collections.abc import Iterable, Iterator, Mapping

from nightshift.contract.declaration import DeclarationError, DeclaredSchedule
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.timetable.entry import check_entry


def declared_schedules(declared: Iterable[DeclaredSchedule], consumers: Mapping[str, str]) -> Iterator[Schedule]:
    """Yield the schedules; `consumers` maps the first token of a name to the service that handles such events.

    Raises:
        DeclarationError: one is wrong; the text names each wrong field of it.
    """
    for one in declared:
        checked = check_entry(one.table(), {}, consumers)
        if checked.problems or checked.schedule is None:
            raise DeclarationError(one.place, "; ".join(checked.problems))
        yield checked.schedule

"""What the scheduler logs: a line per event while they are few, one for all when they are many."""

from datetime import datetime, timedelta

from nightshift.instants import rfc3339
from nightshift.observability.log import get_logger
from nightshift.scheduler.cron.schedule import Schedule

_FEW = 20
_log = get_logger("scheduler")


class EventLog:
    """Collects what happens in one go, and logs it at its end."""

    def __init__(self) -> None:
        self._announced: list[tuple[str, datetime, float]] = []
        self._misfired: list[Schedule] = []
        self._not_announced: list[tuple[str, str]] = []

    def started(self, schedules: int, with_last_event: int, first: datetime | None) -> None:
        """Log that events are announced from now on."""
        when = f"the first is due at {rfc3339(first, 'seconds')}" if first else "none will come due"
        _log.info("scheduler_started", f"{schedules} schedules, {with_last_event} with a last event; {when}")

    def memory_unreadable(self, why: Exception) -> None:
        """Log that the last events cannot be read yet."""
        _log.warning("memory_unreadable", f"Cannot read the last events, trying again: {why}")

    def strange_memory(self, name: str, wrong: str) -> None:
        """Log that a last event cannot be what a scheduler announced in time."""
        _log.error("strange_memory", f"Schedule {name} goes on at the present time: {wrong}", schedule=name)

    def clock_set_back(self, by: timedelta, ahead: int) -> None:
        """Log that the machine's clock was set back."""
        _log.error(
            "clock_set_back",
            f"This machine's clock was set back by {by.total_seconds():.0f} s. {ahead} schedules had announced events "
            "beyond; those are not announced again as far as the stream still shows them",
        )

    def held_back(self, name: str) -> None:
        """Log that a schedule is due and paused."""
        _log.warning(
            "schedule_paused", f"{name} is due but paused: it is not announced until it is resumed", schedule=name
        )

    def announced(self, name: str, due: datetime, late_seconds: float) -> None:
        """Note an event that is stored."""
        self._announced.append((name, due, late_seconds))

    def misfired(self, schedule: Schedule) -> None:
        """Note a schedule that missed due times by more than the grace period."""
        self._misfired.append(schedule)

    def not_announced(self, name: str, why: Exception) -> None:
        """Note an event that could not be stored yet."""
        self._not_announced.append((name, str(why)))

    def flush(self) -> None:
        """Log what was noted."""
        if self._announced:
            self._log_announced()
        if self._misfired:
            text = _first_few([f"{schedule.name} ({schedule.misfire})" for schedule in self._misfired])
            _log.warning("misfire", f"Due times were missed by over 60 s; what each policy says was done: {text}")
        if self._not_announced:
            text = _first_few([name for name, _ in self._not_announced])
            reason = self._not_announced[0][1]
            _log.warning("not_announced", f"Events not announced yet, trying again: {text}: {reason}")
        self._announced, self._misfired, self._not_announced = [], [], []

    def _log_announced(self) -> None:
        if len(self._announced) > _FEW:
            late = max(late_seconds for _, _, late_seconds in self._announced)
            _log.info(
                "events_announced",
                f"{len(self._announced)} events announced, at most {late:.3f} s after they were due",
                count=len(self._announced),
            )
            return
        for name, due, late_seconds in self._announced:
            _log.info(
                "event_announced",
                f"{name} was due at {rfc3339(due, 'seconds')} and is announced",
                schedule=name,
                late_seconds=round(late_seconds, 3),
            )


def _first_few(words: list[str]) -> str:
    more = f" and {len(words) - _FEW} more" if len(words) > _FEW else ""
    return ", ".join(words[:_FEW]) + more

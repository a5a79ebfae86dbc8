"""What is known of workers from one look to the next."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from nightshift.console.figures.worker_log import GONE_FOR, WorkerLog
from nightshift.topology.discovery import WorkerInfo, describe_self

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def worker(pid: int, finished: int = 0) -> WorkerInfo:
    """A worker that has finished so many jobs."""
    me = describe_self("email", "http://127.0.0.1:1")
    return msgspec.structs.replace(me, pid=pid, finished=finished)


def test_a_rate_is_of_the_last_half_minute() -> None:
    """Of one look alone there is none."""
    log, name = WorkerLog(), worker(1).name
    log.note(NOW, [worker(1, 1_000)])
    assert log.per_second(name) is None
    for second in range(1, 61):
        log.note(NOW + second * SECOND, [worker(1, 1_000 + (0 if second < 30 else 10 * (second - 30)))])
    assert log.per_second(name) == pytest.approx(10, rel=0.1)


def test_one_that_answers_no_more_is_gone_for_an_hour() -> None:
    """The last one first; whoever is back is not gone."""
    log = WorkerLog()
    log.note(NOW, [worker(1), worker(2), worker(3)])
    log.note(NOW + SECOND, [worker(2), worker(3)])
    log.note(NOW + 2 * SECOND, [worker(3)])
    assert [one.worker.pid for one in log.gone] == [2, 1]
    log.note(NOW + 3 * SECOND, [worker(2), worker(3)])
    assert [one.worker.pid for one in log.gone] == [1]
    log.note(NOW + GONE_FOR, [worker(2), worker(3)])
    assert log.gone == []

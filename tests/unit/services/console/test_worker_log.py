"""What is known of workers from one look to the next."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from nightshift.console.figures.worker_log import GONE_FOR, WorkerLog
from nightshift.topology.discovery import WorkerInfo, describe_self

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def worker(pid: int, finished: int = 0, version: str = "1.0") -> WorkerInfo:
    """A worker that has finished so many jobs."""
    me = describe_self("email", "http://127.0.0.1:1")
    return msgspec.structs.replace(me, pid=pid, finished=finished, version=version)


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


def deploys(*looks: tuple[int, list[str]]) -> list[tuple[str, float]]:
    """Return the deploys that these looks show: at so many seconds, workers of these versions."""
    log = WorkerLog()
    for seconds, versions in looks:
        log.note(NOW + seconds * SECOND, [worker(pid, version=one) for pid, one in enumerate(versions)])
    return [(one.version, (one.at - NOW).total_seconds()) for one in log.deploys("email")]


def test_a_new_version_among_the_workers_is_a_deploy() -> None:
    """When the first of them answers, however long the others stay; it is one, however many have it."""
    looks = [(0, ["1.0", "1.0"]), (10, ["1.0", "1.1"]), (20, ["1.1", "1.1"]), (30, ["1.1"])]
    assert deploys(*looks) == [("1.1", 10)]


def test_a_deploy_is_of_the_application_where_it_tells_its_version() -> None:
    """That of Nightshift, which changes less often, is no deploy of it."""
    log = WorkerLog()
    for second, (ours, theirs) in enumerate([("1.0", "4.1"), ("1.0", "4.2"), ("1.1", "4.2")]):
        log.note(NOW + second * SECOND, [msgspec.structs.replace(worker(1, version=ours), app_version=theirs)])
    assert [one.version for one in log.deploys("email")] == ["4.2"]


def test_what_is_there_at_the_first_look_is_no_deploy() -> None:
    """Nor what was silent for a while, or all away, and is back as it was."""
    assert deploys((0, ["1.0", "1.1"])) == []
    assert deploys((0, ["1.0", "1.1"]), (10, ["1.1"]), (20, ["1.0", "1.1"])) == []
    assert deploys((0, ["1.0"]), (10, []), (600, ["1.0"])) == []


def test_a_release_that_is_taken_back_is_a_deploy_again() -> None:
    """Of the version before."""
    assert deploys((0, ["1.0"]), (10, ["1.1"]), (200, ["1.0"])) == [("1.1", 10), ("1.0", 200)]


def test_a_fault_began_with_the_last_deploy_before_it() -> None:
    """With none where none is known before it."""
    log = WorkerLog()
    for seconds, version in ((0, "1.0"), (10, "1.1"), (100, "1.2")):
        log.note(NOW + seconds * SECOND, [worker(1, version=version)])
    found = [log.began_with("email", NOW + seconds * SECOND) for seconds in (5, 50, 500)]
    assert [one and one.version for one in found] == [None, "1.1", "1.2"]
    assert log.began_with("sync", NOW + 500 * SECOND) is None

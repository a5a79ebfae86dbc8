"""A job in flight: its timer, who ended it, and when it has to run alone."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from nightshift.messaging.job import Job
from nightshift.worker.in_flight import InFlightJob


class FakeDelivery:
    """Records the answers."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    def progress(self) -> None:
        """See `Delivery`."""
        self.answers.append("progress")

    def nak(self, delay: timedelta) -> None:
        """See `Delivery`."""
        self.answers.append(f"again in {delay}")


def _in_flight(unaccounted_deliveries: int = 1, *, is_event: bool = False) -> tuple[InFlightJob, FakeDelivery]:
    delivery: Any = FakeDelivery()
    job = Job("probe", "probe.run", "one", "one")
    in_flight = InFlightJob(delivery, job, is_event, unaccounted_deliveries=unaccounted_deliveries, progress_at=100.0)
    return in_flight, delivery


@pytest.mark.parametrize(
    ("unaccounted_deliveries", "must_run_alone"), [(0, False), (1, False), (2, False), (3, True), (11, True)]
)
def test_a_job_runs_alone_from_its_third_unaccounted_delivery(
    unaccounted_deliveries: int, *, must_run_alone: bool
) -> None:
    """Two may be bad luck."""
    assert _in_flight(unaccounted_deliveries)[0].must_run_alone is must_run_alone


def test_an_event_never_has_to_run_alone() -> None:
    """It is retried by redelivery, so that its deliveries say nothing about workers that died."""
    assert not _in_flight(20, is_event=True)[0].must_run_alone


def test_progress_is_told_at_intervals() -> None:
    """Once in ten seconds, however often the clock ticks."""
    in_flight, delivery = _in_flight()
    for now in range(100, 131):
        in_flight.tick(float(now), 10.0)
    assert delivery.answers == ["progress"] * 3


async def _handler(seen: list[str], *, swallow: int = 0) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            if len(seen) > swallow:
                return


async def _running(in_flight: InFlightJob, seen: list[str], *, swallow: int = 0) -> None:
    async def run() -> None:
        in_flight.start_timer(1.0)
        await _handler(seen, swallow=swallow)
        in_flight.stop_timer()
        assert not in_flight.cancelled, "what was dealt with must not disturb what comes after the handler"

    in_flight.task = asyncio.create_task(run())
    await asyncio.sleep(0)


async def test_a_handler_is_cancelled_when_its_time_is_over_and_not_before() -> None:
    """And again at every tick until it obeys."""
    in_flight, _ = _in_flight()
    seen: list[str] = []
    await _running(in_flight, seen, swallow=2)
    assert in_flight.deadline is not None
    in_flight.tick(in_flight.deadline - 0.1, 10.0)
    await asyncio.sleep(0)
    assert seen == []
    assert not in_flight.timed_out
    for _ in range(3):
        in_flight.tick((in_flight.deadline or 0) + 0.1, 10.0)
        await asyncio.sleep(0)
    assert in_flight.task is not None
    await in_flight.task
    assert seen == ["cancelled"] * 3
    assert in_flight.timed_out


async def test_after_the_handler_nothing_is_cancelled_any_more() -> None:
    """What it returned is being committed: neither time nor shutdown may interrupt that."""
    in_flight, _ = _in_flight()
    in_flight.task = asyncio.current_task()
    in_flight.start_timer(0.0)
    in_flight.stop_timer()
    in_flight.tick(1e9, 10.0)
    in_flight.release()
    await asyncio.sleep(0)
    assert not in_flight.timed_out
    assert not in_flight.released


async def test_releasing_cancels_the_handler() -> None:
    """The flag tells the pipeline why."""
    in_flight, _ = _in_flight()
    seen: list[str] = []
    await _running(in_flight, seen)
    in_flight.release()
    assert in_flight.task is not None
    await in_flight.task
    assert seen == ["cancelled"]
    assert in_flight.released


def test_a_nak_is_remembered() -> None:
    """The broker counts it as a delivery, so the worker has to know that it ended in good order."""
    in_flight, delivery = _in_flight()
    in_flight.nak(timedelta(seconds=3))
    assert in_flight.nakked
    assert delivery.answers == ["again in 0:00:03"]

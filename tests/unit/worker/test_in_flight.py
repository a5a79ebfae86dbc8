"""A delivery in a worker's hands: its clocks, and who ended it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from nightshift.worker.in_flight import InFlightJob


class FakeDelivery:
    """Records the answers."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    def progress(self) -> None:
        """As `Delivery.progress`."""
        self.answers.append("progress")

    def nak(self, delay: timedelta) -> None:
        """As `Delivery.nak`."""
        self.answers.append(f"again in {delay}")


def _hand(unaccounted_deliveries: int = 1) -> tuple[InFlightJob, FakeDelivery]:
    delivery: Any = FakeDelivery()
    return InFlightJob(delivery, unaccounted_deliveries, progress_at=100.0), delivery


@pytest.mark.parametrize(
    ("unaccounted_deliveries", "must_run_alone"), [(0, False), (1, False), (2, False), (3, True), (11, True)]
)
def test_a_job_is_suspect_from_its_third_unexplained_delivery(
    unaccounted_deliveries: int, *, must_run_alone: bool
) -> None:
    """Two may be bad luck."""
    assert _hand(unaccounted_deliveries)[0].must_run_alone is must_run_alone


def test_progress_is_told_at_intervals() -> None:
    """Once in ten seconds, however often the clock ticks."""
    hand, delivery = _hand()
    for now in range(100, 131):
        hand.tick(float(now), 10.0)
    assert delivery.answers == ["progress"] * 3


async def _handler(seen: list[str], *, swallow: int = 0) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            if len(seen) > swallow:
                return


async def _running(hand: InFlightJob, seen: list[str], *, swallow: int = 0, timeout_seconds: float = 1.0) -> None:
    async def run() -> None:
        hand.begin(timeout_seconds)
        await _handler(seen, swallow=swallow)
        hand.end()
        assert not hand.cancelled, "what was dealt with must not disturb what comes after the handler"

    hand.task = asyncio.create_task(run())
    await asyncio.sleep(0)


async def test_a_handler_is_cancelled_when_its_time_is_over_and_not_before() -> None:
    """And again at every tick until it obeys."""
    hand, _ = _hand()
    seen: list[str] = []
    await _running(hand, seen, swallow=2)
    assert hand.deadline is not None
    hand.tick(hand.deadline - 0.1, 10.0)
    await asyncio.sleep(0)
    assert seen == []
    assert not hand.timed_out
    for _ in range(3):
        hand.tick((hand.deadline or 0) + 0.1, 10.0)
        await asyncio.sleep(0)
    assert hand.task is not None
    await hand.task
    assert seen == ["cancelled"] * 3
    assert hand.timed_out


async def test_after_the_handler_nothing_is_cancelled_any_more() -> None:
    """What it returned is being committed: neither time nor shutdown may interrupt that."""
    hand, _ = _hand()
    hand.task = asyncio.current_task()
    hand.begin(0.0)
    hand.end()
    hand.tick(1e9, 10.0)
    hand.release()
    await asyncio.sleep(0)
    assert not hand.timed_out
    assert not hand.released


async def test_handing_back_cancels_the_handler() -> None:
    """The flag tells the pipeline whose wish it was."""
    hand, _ = _hand()
    seen: list[str] = []
    await _running(hand, seen)
    hand.release()
    assert hand.task is not None
    await hand.task
    assert seen == ["cancelled"]
    assert hand.released


def test_handing_over_is_remembered() -> None:
    """The broker counts it as a delivery, so the worker has to know that it ended in good order."""
    hand, delivery = _hand()
    hand.nak_delivery(timedelta(seconds=3))
    assert hand.nakked
    assert delivery.answers == ["again in 0:00:03"]

"""When messages that wait together travel as a batch: where that was sooner lately, on this broker."""

import pytest

from nightshift.broker.batch_worth import BatchWorth


class Clock:
    """Stands still unless it is moved; seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def _smallest(worth: BatchWorth) -> int:
    """Return from how many messages on a batch is sooner."""
    return next(count for count in range(1, 10_000) if worth(count))


def test_one_message_is_never_a_batch() -> None:
    """However cheap batches are."""
    worth = BatchWorth()
    for _ in range(50):
        worth.batch_took(10, 0.0)
    assert not worth(1)
    assert worth(2)


def test_before_anything_was_measured_it_is_as_on_a_usual_disk() -> None:
    """Some 25 messages."""
    assert 20 <= _smallest(BatchWorth()) <= 30


@pytest.mark.parametrize(("batch_ms", "single_ms", "expected"), [(5, 0.5, 11), (12.4, 0.3, 46), (40, 0.3, 149)])
def test_it_follows_what_both_took(batch_ms: float, single_ms: float, expected: int) -> None:
    """A slow disk makes batches of few messages worse, and a slow single message better."""
    worth = BatchWorth()
    for _ in range(50):
        worth.batch_took(0, batch_ms / 1000)
        worth.singles_took(10, single_ms / 100)
    assert _smallest(worth) == pytest.approx(expected, abs=2)


def test_one_disturbed_measurement_decides_nothing() -> None:
    """A batch that waited for a second behind something else is not what batches cost."""
    worth = BatchWorth()
    for _ in range(50):
        worth.batch_took(0, 0.010)
        worth.singles_took(10, 0.006)
    before = _smallest(worth)
    worth.batch_took(0, 0.030)
    assert before < _smallest(worth) < 2 * before


def test_what_was_not_measured_for_a_while_is_tried_again() -> None:
    """Else a broker that was slow once would get no batch ever again."""
    clock = Clock()
    worth = BatchWorth(clock)
    for _ in range(50):
        worth.batch_took(0, 10.0)
    assert not worth(500)
    clock.now += 11
    assert worth(500)

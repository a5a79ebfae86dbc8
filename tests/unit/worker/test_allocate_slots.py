"""How the free slots of a worker are shared among its streams."""

from hypothesis import given
from hypothesis import strategies as st

from nightshift.worker.worker import allocate_slots

FREE = st.integers(-5, 1_000)
BUSY = st.lists(st.booleans(), max_size=6)


@given(FREE, BUSY)
def test_there_is_one_share_for_each_stream(free: int, busy: list[bool]) -> None:
    """In the order of the streams, never negative."""
    shares = allocate_slots(free, busy)
    assert len(shares) == len(busy)
    assert all(count >= 0 for count in shares)


@given(FREE, BUSY)
def test_the_shares_exceed_the_free_slots_by_the_number_of_streams_at_most(free: int, busy: list[bool]) -> None:
    """A worker that is slow hoards nothing."""
    assert sum(allocate_slots(free, busy)) <= max(free, 0) + len(busy)


@given(st.integers(1, 1_000), st.lists(st.booleans(), min_size=1, max_size=6))
def test_with_a_free_slot_every_stream_may_ask_for_one(free: int, busy: list[bool]) -> None:
    """No stream starves, however busy the others are."""
    assert min(allocate_slots(free, busy)) >= 1


@given(st.integers(-5, 0), BUSY)
def test_without_a_free_slot_nobody_asks(free: int, busy: list[bool]) -> None:
    """What a worker cannot work off belongs to another."""
    assert sum(allocate_slots(free, busy)) == 0


@given(st.integers(1, 1_000), st.lists(st.booleans(), min_size=2, max_size=6))
def test_a_stream_with_a_backlog_gets_no_less_than_one_without(free: int, busy: list[bool]) -> None:
    """The room goes where the jobs are."""
    shares = allocate_slots(free, busy)
    full = [count for count, is_busy in zip(shares, busy, strict=True) if is_busy]
    idle = [count for count, is_busy in zip(shares, busy, strict=True) if not is_busy]
    assert not full or not idle or min(full) >= max(idle)


@given(st.integers(8, 1_000))
def test_one_busy_stream_of_two_gets_most_of_the_room(free: int) -> None:
    """Three quarters and more."""
    busy, idle = allocate_slots(free, [True, False])
    assert busy >= free * 3 // 4
    assert busy + idle <= free

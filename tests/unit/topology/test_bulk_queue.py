"""What removes done jobs from a bulk queue: whatever the broker says, never everything, and nothing above the floor."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightshift.topology import bulk_queue
from nightshift.topology.bulk_queue import FloorNotTrustedError, Purge, QueueState, purge_of_done, state_of
from nightshift.topology.consumer import Consumer

CONSUMER = Consumer(stream="EMAIL", name="email", filter="jobs.email.>")
MADE = "2026-11-28T08:48:43.072337018Z"
_numbers = st.integers(0, 1 << 60)
_anything = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.lists(st.integers()))


def info(**changes: Any) -> dict[str, Any]:
    """Return what the broker says about the consumer that provisioning made."""
    told = {
        "created": MADE,
        "config": CONSUMER.config(),
        "ack_floor": {"stream_seq": 30},
        "delivered": {"stream_seq": 40},
        "num_pending": 10,
        "num_ack_pending": 10,
    }
    return {**told, **changes}


def stream(*, first: int = 1, last: int = 50, consumers: int = 1, mark: str | None = MADE) -> dict[str, Any]:
    """Return what the broker says about the stream."""
    state = {"first_seq": first, "last_seq": last, "messages": 50, "bytes": 5000, "consumer_count": consumers}
    metadata = {} if mark is None else {"metadata": {bulk_queue.MARK: mark}}
    return {"config": {"retention": "limits", "max_bytes": 1 << 30, **metadata}, "state": state}


def queue(**changes: Any) -> QueueState:
    """Return the state of a queue that can be trusted."""
    return state_of(stream(), info(**changes), CONSUMER)


@given(wanted=_anything, upto=_anything)
def test_no_request_can_be_built_without_a_filter_and_a_sequence(wanted: Any, upto: Any) -> None:
    """The broker takes a missing or empty filter, and a missing sequence or 0, for everything."""
    try:
        purge = Purge(wanted, upto)
    except (ValueError, TypeError):
        return
    assert purge.filter.startswith("jobs.")
    assert purge.filter.endswith(".>")
    assert type(purge.seq) is int
    assert purge.seq >= 1


@pytest.mark.parametrize("wanted", ["", ">", "jobs.>", "*", "jobs.*.>", "jobs.email.send", "later.email.>", "jobs..>"])
def test_a_filter_names_one_queue(wanted: str) -> None:
    """Neither all subjects nor those of another kind."""
    with pytest.raises(ValueError, match="more than the jobs of one queue"):
        Purge(wanted, 5)


@pytest.mark.parametrize("upto", [0, -1, None, True, 1.5, "7"])
def test_a_sequence_is_a_positive_whole_number(upto: Any) -> None:
    """A 0 would be left out by the broker, and mean everything."""
    with pytest.raises(ValueError, match="remove everything"):
        Purge("jobs.email.>", upto)


@given(first=_numbers, last=_numbers, floor=_numbers, delivered=_numbers, consumers=st.integers(0, 3))
def test_nothing_above_the_floor_is_ever_in_a_request(
    first: int, last: int, floor: int, delivered: int, consumers: int
) -> None:
    """Nor more than one step, nor anything where the floor may be wrong."""
    told = info(ack_floor={"stream_seq": floor}, delivered={"stream_seq": delivered})
    state = state_of(stream(first=first, last=last, consumers=consumers), told, CONSUMER)
    try:
        purge = purge_of_done(state)
    except FloorNotTrustedError:
        return
    assert consumers == 1
    assert floor <= last
    if purge is None:
        assert first > floor
        return
    assert first <= purge.seq - 1 <= floor
    assert purge.seq - first <= bulk_queue.STEP
    assert purge.filter == CONSUMER.filter


@given(changed=st.sampled_from(["filter_subject", "ack_policy", "max_deliver", "deliver_policy"]), value=_anything)
def test_a_consumer_whose_floor_moves_otherwise_is_not_trusted(changed: str, value: Any) -> None:
    """Another filter, policy or limit of deliveries lets the floor pass jobs that nobody has acknowledged."""
    assume(value != CONSUMER.config()[changed])
    with pytest.raises(FloorNotTrustedError, match=changed):
        purge_of_done(queue(config={**CONSUMER.config(), changed: value}))


@pytest.mark.parametrize("mark", [None, "", "2026-11-28T08:48:43.072337019Z"])
def test_a_consumer_that_provisioning_did_not_make_is_not_trusted(mark: str | None) -> None:
    """Made by hand, or out of a backup: the broker dates it anew."""
    with pytest.raises(FloorNotTrustedError, match="not the one that provisioning made"):
        purge_of_done(state_of(stream(mark=mark), info(), CONSUMER))


@pytest.mark.parametrize("consumers", [0, 2])
def test_a_queue_has_one_consumer(consumers: int) -> None:
    """A floor says nothing about what another consumer has still to see."""
    with pytest.raises(FloorNotTrustedError, match=f"has {consumers} consumers"):
        purge_of_done(state_of(stream(consumers=consumers), info(), CONSUMER))


def test_a_consumer_that_is_ahead_of_its_stream_is_not_trusted() -> None:
    """The stream has lost its end: the next jobs would get sequences that count as done."""
    with pytest.raises(FloorNotTrustedError, match="ahead of its stream"):
        purge_of_done(queue(ack_floor={"stream_seq": 51}))


def test_what_is_done_and_not_removed_is_neither_waiting_nor_in_flight() -> None:
    """It counts as no backlog."""
    state = queue()
    assert (state.done, state.is_held) == (30, False)


def test_the_floor_is_held_when_done_jobs_take_much_room() -> None:
    """Counted, or as a share of where the queue is full."""
    full = stream()
    full["state"] |= {"messages": 200_000, "bytes": 200_000}
    assert state_of(full, info(), CONSUMER).is_held
    small = stream()
    small["config"]["max_bytes"] = 10_000
    assert state_of(small, info(), CONSUMER).is_held

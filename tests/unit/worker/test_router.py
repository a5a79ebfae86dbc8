"""The dispatch table: what a service offers, and what it says about types that it does not."""

from typing import ClassVar

import pytest

from nightshift.backoff import Retries
from nightshift.contract.message import Message
from nightshift.messaging.job import Job
from nightshift.worker.router import IncompleteServiceError, check_complete, route, unknown
from tests.harness import FollowProbe, RunProbe, routes


async def _handle(_: RunProbe, _job: Job) -> None:
    """Does nothing."""


TYPES = ["probe.run", "probe.follow"]


def test_a_route_decodes_its_message_and_is_done_once() -> None:
    """Unless its options say otherwise; without a time limit in the contract it has the service's."""
    made = route(RunProbe, _handle)
    assert made.decode(b'{"name":"a"}') == RunProbe(name="a")
    assert (made.inbox, made.timeout_seconds) == (True, None)


def test_a_route_keeps_its_options() -> None:
    """They override the service's, and what the message's class says."""
    once = Retries(most=1)
    made = route(RunProbe, _handle, inbox=False, timeout_seconds=5, retries=once)
    assert (made.inbox, made.timeout_seconds, made.retries) == (False, 5, once)


def test_how_often_a_job_is_tried_is_part_of_its_contract() -> None:
    """The class of the message says it; a handler needs no options for that."""

    class RunSeldom(Message):
        SUBJECT: ClassVar[str] = "jobs.probe.seldom"
        RETRIES: ClassVar[Retries] = Retries(most=3)

    assert route(RunProbe, _handle).retries == Retries()
    assert route(RunSeldom, _handle).retries == Retries(most=3)


def test_how_long_a_job_may_take_is_part_of_its_contract() -> None:
    """A handler may be given less, not more: the queue is emptied in bulk because of it."""

    class RunShortly(Message):
        SUBJECT: ClassVar[str] = "jobs.probe.shortly"
        TIMEOUT_SECONDS: ClassVar[float | None] = 30.0

    assert route(RunShortly, _handle).timeout_seconds == 30.0
    assert route(RunShortly, _handle, timeout_seconds=5).timeout_seconds == 5
    with pytest.raises(ValueError, match=r"probe\.shortly is given 31 s, its contract says 30"):
        route(RunShortly, _handle, timeout_seconds=31)


def test_a_service_that_lacks_a_handler_does_not_start() -> None:
    """Forgetting one is named."""
    with pytest.raises(
        IncompleteServiceError, match=r"service probe: probe\.follow is in the contracts, and has no handler"
    ):
        check_complete("probe", routes({RunProbe: _handle}), TYPES)


def test_a_handler_for_a_type_of_another_service_is_refused() -> None:
    """It would never be called."""
    with pytest.raises(IncompleteServiceError, match=r"probe\.follow has a handler, and is in no contract; probe\.run"):
        check_complete("other", routes({RunProbe: _handle, FollowProbe: _handle}), [])


def test_events_are_no_part_of_the_catalogue() -> None:
    """A service may handle any number of them."""
    check_complete("probe", routes({RunProbe: _handle, FollowProbe: _handle, "cron.probe.daily": _handle}), TYPES)


@pytest.mark.parametrize(
    ("job_type", "text"),
    [
        ("probe.runn", "no handler for probe.runn; did you mean probe.run? (this service knows probe.run)"),
        ("x.y", "no handler for x.y (this service knows probe.run)"),
    ],
)
def test_an_unknown_type_is_told_what_may_have_been_meant(job_type: str, text: str) -> None:
    """And what there is."""
    assert unknown(job_type, routes({RunProbe: _handle})) == text
    assert "knows none" in unknown(job_type, {})

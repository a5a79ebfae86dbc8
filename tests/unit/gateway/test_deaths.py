"""Which jobs the gateway remembers as given up on."""

from datetime import UTC, datetime

import msgspec

from nightshift.contract.job_events import JobEvent
from nightshift.gateway.jobs.deaths import MOST_REMEMBERED, Deaths

AT = datetime(2026, 11, 28, tzinfo=UTC)


def event(job_id: str, what: str) -> JobEvent:
    """A turn of a mail."""
    return msgspec.convert({"type": "email.send", "id": job_id, "what": what, "error": "permanent"}, JobEvent)


def test_a_job_is_dead_until_it_is_heard_of_again() -> None:
    """A redriven one runs, and ends otherwise."""
    deaths = Deaths()
    deaths.take(AT, event("a", "dead"))
    found = deaths.of("email.send", "a")
    assert found is not None
    assert (found.at, found.event.error) == (AT, "permanent")
    assert deaths.of("report.generate", "a") is None
    deaths.take(AT, event("a", "started"))
    assert deaths.of("email.send", "a") is None


def test_only_so_many_are_remembered() -> None:
    """The oldest are forgotten: whoever can make jobs fail cannot fill the memory."""
    deaths = Deaths()
    for number in range(MOST_REMEMBERED + 1):
        deaths.take(AT, event(str(number), "dead"))
    assert deaths.of("email.send", "0") is None
    assert deaths.of("email.send", "1") is not None

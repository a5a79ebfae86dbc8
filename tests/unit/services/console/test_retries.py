"""What a count of retries may cost: it reads each job that waits, so it is not made of many."""

import pytest

from nightshift.broker import Connection
from nightshift.console.figures.retries import MOST_JOBS, Retries
from nightshift.topology.permissions import IMPORTED_API


def stream(messages: int, size: int) -> dict[str, dict[str, int]]:
    """What the broker says of a stream."""
    return {"state": {"first_seq": 1, "last_seq": messages, "messages": messages, "bytes": size}}


@pytest.mark.parametrize(("messages", "size"), [(MOST_JOBS + 1, 1), (3, 2 * 1024**2)])
async def test_many_or_large_jobs_are_not_read(messages: int, size: int) -> None:
    """Then it is not known; here the broker is away, and nobody asks it."""
    retries = Retries(Connection(IMPORTED_API))
    assert await retries.count("email", stream(messages, size), messages) is None
    assert retries.asked == 0


async def test_where_nothing_waits_nothing_is_asked() -> None:
    """That there are none is known without reading."""
    retries = Retries(Connection(IMPORTED_API))
    assert await retries.count("email", stream(0, 0), 0) == 0
    assert retries.asked == 0

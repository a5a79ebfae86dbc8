"""An address that had too many webhooks refused has a bad standing, for a while."""

import pytest

from nightshift.gateway.webhooks.standing import Standing


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at 0."""
    return Clock()


def test_twenty_refusals_in_a_moment_are_too_many(clock: Clock) -> None:
    """Nineteen are not; other addresses are not concerned."""
    standing = Standing(clock)
    for _ in range(19):
        standing.refused("192.0.2.1")
    assert not standing.is_bad("192.0.2.1")
    standing.refused("192.0.2.1")
    assert standing.is_bad("192.0.2.1")
    assert not standing.is_bad("192.0.2.2")


def test_time_and_a_verified_request_forgive(clock: Clock) -> None:
    """One refusal a second is forgiven; whoever proves to be a provider at once."""
    standing = Standing(clock)
    for _ in range(50):
        standing.refused("192.0.2.1")
        standing.refused("192.0.2.2")
    clock.now = 1.0
    assert not standing.is_bad("192.0.2.1")
    standing.refused("192.0.2.1")
    standing.refused("192.0.2.2")
    standing.verified("192.0.2.2")
    assert standing.is_bad("192.0.2.1")
    assert not standing.is_bad("192.0.2.2")


def test_a_customers_ipv6_network_is_one_address(clock: Clock) -> None:
    """Whoever has a /64 has 2^64 addresses; a link-local one with a zone is one as well."""
    standing = Standing(clock)
    for number in range(20):
        standing.refused(f"2001:db8:0:1::{number:x}")
    assert standing.is_bad("2001:db8:0:1:ffff::")
    assert not standing.is_bad("2001:db8:0:2::1")
    standing.refused("fe80::1%eth0")
    standing.refused("not:an:address")


def test_memory_is_bounded(clock: Clock) -> None:
    """However many addresses there are."""
    standing = Standing(clock)
    for number in range(20_000):
        standing.refused(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(standing._buckets) == 10_000

"""Who the client is, behind proxies and without."""

import pytest
from starlette.requests import Request

from nightshift.http.client_address import address_reader


def request(peer: str, *forwarded: str) -> Request:
    """A request that came from `peer`, with these `X-Forwarded-For`."""
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "client": (peer, 4711), "headers": headers})


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        ((), "203.0.113.9", (), "203.0.113.9"),
        ((), "203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        (("10.0.0.0/8",), "203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        (("10.0.0.0/8",), "10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.2.3", ("1.1.1.1, 198.51.100.1",), "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.2.3", ("1.1.1.1", "198.51.100.1, 10.9.9.9"), "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.2.3", (), "10.1.2.3"),
        (("10.0.0.0/8",), "10.1.2.3", ("10.9.9.9",), "10.9.9.9"),
        (("10.0.0.0/8",), "10.1.2.3", ("198.51.100.1, unknown",), "10.1.2.3"),
        (("::1",), "::1", ("2001:db8::1",), "2001:db8::1"),
        (("10.1.2.3",), "::ffff:10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    trusted: tuple[str, ...], peer: str, forwarded: tuple[str, ...], expected: str
) -> None:
    """And of what it says only the part that it has seen itself."""
    assert address_reader(trusted)(request(peer, *forwarded)) == expected

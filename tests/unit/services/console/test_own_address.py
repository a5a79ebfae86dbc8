"""By which names the console is reached, and whose pages may send it something."""

import pytest
from starlette.requests import Request

from nightshift.console.settings import ConsoleSettings
from nightshift.console.web.same_origin import OwnAddress


def request(**headers: str) -> Request:
    """A request with these headers."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw})


@pytest.mark.parametrize(
    ("url", "host", "is_ours"),
    [
        (None, "127.0.0.1:8090", True),
        (None, "localhost", True),
        (None, "[::1]:8090", True),
        (None, "evil.example", False),
        (None, "127.0.0.1@evil.example", False),
        (None, "", False),
        ("https://ops.example.com/night", "ops.example.com", True),
        ("https://ops.example.com/night", "OPS.example.com", True),
        ("https://ops.example.com/night", "ops.example.com.evil.example", False),
        ("http://127.0.0.1:8090", "localhost:8090", True),
    ],
)
def test_a_request_names_a_host_of_ours(url: str | None, host: str, is_ours: bool) -> None:  # noqa: FBT001 - a table
    """The machine's own names where it is reached from the machine, else the name that people type."""
    assert OwnAddress(ConsoleSettings(console_url=url)).is_addressed(request(host=host)) is is_ours


def test_a_host_of_the_machine_is_none_of_a_console_that_others_reach() -> None:
    """Where a proxy on another machine leads to it, only its name counts."""
    address = OwnAddress(ConsoleSettings(console_host="10.1.2.3", console_url="https://ops.example.com"))
    assert not address.is_addressed(request(host="127.0.0.1"))


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-origin", "origin": "https://evil.example"}, True),
        ({"sec_fetch_site": "cross-site", "origin": "https://ops.example.com"}, False),
        ({"origin": "https://ops.example.com"}, True),
        ({"origin": "http://ops.example.com"}, False),
        ({"origin": "https://ops.example.com:444"}, False),
        ({}, False),
    ],
)
def test_what_changes_something_comes_from_a_page_of_ours(headers: dict[str, str], is_ours: bool) -> None:  # noqa: FBT001 - a table
    """As the browser says, or by the origin where it does not."""
    address = OwnAddress(ConsoleSettings(console_url="https://ops.example.com/night"))
    assert address.is_from_here(request(host="ops.example.com", **headers)) is is_ours

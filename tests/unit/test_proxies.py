"""Which proxy the environment means for an address."""

import pytest

from nightshift.proxies import choose_proxy

URL = "https://api.example.com/emails"
PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": "proxy.example:3128"}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"ALL_PROXY": PROXY, "HTTPS_PROXY": "http://other.example:1"}, "http://other.example:1"),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost, example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*.example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example.com:443"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example.com:80"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "ample.com,localhost,[::1],::1,fd00::/8,10.0.0.0/8,/,:,[,]"}, PROXY),
    ],
)
def test_the_variables_are_read_as_curl_reads_them(environ: dict[str, str], proxy: str | None) -> None:
    """Scheme before all, lower case before upper, exceptions by host, domain and port."""
    assert choose_proxy(URL, environ).url == proxy


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("[::1]", "[::1]"),
        ("[::1]", "::1"),
        ("[fd00::17]", "localhost,fd00::/8"),
        ("[fd00::17]", "[fd00::]/8"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3:8080", "10.1.2.3"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
    ],
)
def test_addresses_and_networks_are_exceptions(host: str, no_proxy: str) -> None:
    """With and without brackets."""
    assert choose_proxy(f"http://{host}/x", {"HTTP_PROXY": PROXY, "NO_PROXY": no_proxy}).url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("HTTPS_PROXY", "ftp://proxy.example"),
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTPS_PROXY", "http://proxy.example:port"),
        ("https_proxy", "http://:3128"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_and_left_out(name: str, value: str) -> None:
    """It stops nothing; its value, which may hold a password, is not repeated."""
    choice = choose_proxy(URL, {name: value})
    assert choice.url is None
    assert choice.problems[0].startswith(f"{name} ")
    assert value not in choice.problems[0]


def test_what_a_request_may_have_set_is_not_believed() -> None:
    """A CGI program has each header of a request in its environment (httpoxy)."""
    assert choose_proxy("http://api.example.com", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}).url is None

"""Which addresses may be requested at all."""

import pytest

from nightshift.config.host_name import is_host
from nightshift.outcomes import Permanent
from services.sync.http.http_client import host_of, parse_url

IMPOSSIBLE = [
    "",
    "feed",
    "ftp://blog.example/feed",
    "https:///feed",
    "https://blog.example:99999/feed",
    "https://ada:secret@blog.example/feed",
    "https://[::1/feed",
    "https://[::zz]/feed",
    "https://a..example/feed",
    "https://.example/feed",
    "https://./feed",
    f"https://{'a' * 64}.example/feed",
    f"https://{'a.' * 130}example/feed",
    f"https://{'ü' * 60}.example/feed",
    "https://256.256.256.256/feed",
    "https://1.2.3/feed",
    "https://0x7f000001/feed",
    "https://blog_%zz.example/feed",
    "https://blog example/feed",
    "https://bl*og.example/feed",
    "https://xn--.example/feed",
    "https://xn--\\.example/feed",
    "https://\x00.example/feed",
]


@pytest.mark.parametrize("address", IMPOSSIBLE)
def test_an_address_that_cannot_be_is_refused(address: str) -> None:
    """With a text that says what is wrong, whatever it is made of."""
    with pytest.raises(Permanent, match=r"the account's address .*(not valid|begins with|cannot exist|credentials)"):
        parse_url(address)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://xn--ls8h.la/feed", "xn--ls8h.la"),
        ("https://\U0001f4a9.la/feed", "xn--ls8h.la"),
        ("https://Bücher.example/feed", "xn--bcher-kva.example"),
        ("https://my_blog.example/feed", "my_blog.example"),
        ("https://blog.example./feed", "blog.example."),
        ("http://-odd-.example:8080/", "-odd-.example"),
        ("https://192.0.2.7/feed", "192.0.2.7"),
        ("https://[2001:db8::1]:8443/feed", "2001:db8::1"),
        ("http://localhost/feed", "localhost"),
        ("https://3com.example/", "3com.example"),
    ],
)
def test_an_address_that_may_be_is_taken(address: str, host: str) -> None:
    """Emoji and umlauts, underscores, numbers, a dot at the end."""
    assert host_of(parse_url(address)) == host
    assert is_host(host)

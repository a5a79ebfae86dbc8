"""Reading the `Link` header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.http.link_header import links

BASE = "https://api.github.com/user/repos"


def test_githubs_own_example_is_read() -> None:
    """As https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api shows it."""
    header = (
        '<https://api.github.com/repositories/1300192/issues?page=2>; rel="prev", '
        '<https://api.github.com/repositories/1300192/issues?page=4>; rel="next", '
        '<https://api.github.com/repositories/1300192/issues?page=515>; rel="last", '
        '<https://api.github.com/repositories/1300192/issues?page=1>; rel="first"'
    )
    found = {name: address.rpartition("=")[2] for name, address in links(header, BASE).items()}
    assert found == {"prev": "2", "next": "4", "last": "515", "first": "1"}


@pytest.mark.parametrize(
    ("header", "following"),
    [
        ('<https://x.example/?a=1,2;3>; rel="next"', "https://x.example/?a=1,2;3"),
        ("<?page=2>;rel=next", f"{BASE}?page=2"),
        ('</p2>; title="a, <b>; rel=\\"x\\""; rel="prev next"', "https://api.github.com/p2"),
        ('</p2>; REL="NEXT"', "https://api.github.com/p2"),
        ('</p2>; rel="next", </p3>; rel="next"', "https://api.github.com/p2"),
        ('</p2>; rel="last"', None),
        ("</p2>", None),
        ("", None),
        ("<//[>; rel=next", None),
        (f'</{"p" * 3000}>; rel="next"', None),
    ],
)
def test_the_next_page_is_found(header: str, following: str | None) -> None:
    """Commas in addresses, quotes, several relations, relative addresses: RFC 8288."""
    assert links(header, BASE).get("next") == following


@given(st.text(alphabet=st.sampled_from('<>;,="\\ arelnxt\t/?%\x00ü')) | st.text())
def test_no_header_is_too_strange(header: str) -> None:
    """Whatever a server writes there, there is an answer."""
    assert isinstance(links(header, BASE), dict)
    assert isinstance(links("<" * 3 + header * 50, BASE), dict)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,10}", fullmatch=True),
        st.from_regex(r"https://x\.example/[a-z0-9,;=?&]{0,20}", fullmatch=True),
    )
)
def test_what_is_written_is_read(pages: dict[str, str]) -> None:
    """A header as GitHub writes it comes back as it was."""
    header = ", ".join(f'<{address}>; rel="{name}"' for name, address in pages.items())
    assert links(header, BASE) == pages

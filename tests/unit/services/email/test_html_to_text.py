"""The plain-text alternative that is derived from HTML."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.email.html_to_text import plain_text


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br/>Three", "One\nTwo\nThree"),
        ("<h1>Title</h1>Text", "Title\n\nText"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<table><tr><td>A<td>B</tr><tr><td>C</td></tr></table>", "A B\nC"),
        ("<ul><li><p>one</p></li></ul>", "- one"),
        ("One<br><br><br>Two", "One\n\nTwo"),
        ("a  \n\t b", "a b"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("Tea &amp; cake &lt;3 &#8364;5 &nbsp;&unknown;", "Tea & cake <3 €5 \xa0&unknown;"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ("<b>bold</b> and <i>italic</i>", "bold and italic"),
    ],
)
def test_structure_becomes_lines(document: str, text: str) -> None:
    """Blocks become lines, paragraphs have empty lines between, character references become characters."""
    assert plain_text(document) == text + "\n"


@pytest.mark.parametrize(
    "document",
    [
        "<title>no</title>yes",
        "<style>p { no }</style>yes",
        "<SCRIPT>if (a < b) no('</p>')</SCRIPT >yes",
        "<!-- <p>no</p> -->yes",
        "<!doctype html>yes",
        "<?xml no?>yes",
        '<img alt="no > no" src=x>yes',
        "yes<!-- never closed no",
        "yes<a href='never closed no",
        "yes<script>no",
    ],
)
def test_what_is_not_shown_is_left_out(document: str) -> None:
    """Scripts, styles, comments, attributes and whatever is never closed are not text."""
    assert plain_text(document) == "yes\n"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ('<a href="https://a.example/?x=1&amp;y=2">here</a>', "here <https://a.example/?x=1&y=2>"),
        ("<a class=button href=https://a.example>here</a>", "here <https://a.example>"),
        ("<a href='mailto:ada@example.com'>write</a>", "write <mailto:ada@example.com>"),
        ("<a href='#top'>up</a>", "up"),
        ("<a name=x>anchor</a>", "anchor"),
        ("stray</a>", "stray"),
    ],
)
def test_links_keep_their_address(document: str, text: str) -> None:
    """A link that leads somewhere has its address behind it."""
    assert plain_text(document) == text + "\n"


@given(st.text(alphabet=st.sampled_from(list("<>/!-='\"& \nap;x")) | st.characters(exclude_categories=["Cs"])))
def test_any_text_is_taken(document: str) -> None:
    """Whatever is put in, text that ends in a line break comes out."""
    assert plain_text(document).endswith("\n")


@pytest.mark.parametrize(
    "part", ["<!--", "<a ", '<a href="', "<a '\"", "<script", "<style></style>", "</", "<", "&", "= "]
)
def test_time_grows_no_faster_than_the_document(part: str) -> None:
    """A document made to be hard to read takes time in proportion to its length."""
    document = part * (400_000 // len(part))
    started = time.process_time()
    plain_text(document)
    assert time.process_time() - started < 3  # quadratic work would take minutes

"""No text becomes markup, whatever it contains, and a misspelt name in a template is an error."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from services.report.rendering.document import Document, Section, Table, Tile
from services.report.rendering.html_page import page
from services.report.rendering.templates import render


class Seen(HTMLParser):
    """What a reader of HTML finds."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Record a text."""
        self.text += data


def page_with(text: str) -> str:
    """Render a page that shows the text in an element and in an attribute."""
    report = Document("R", "a", text, [Tile(text, 1)], [Section(text, [])], Table("T", [], []))
    return page(report, application="Acme", report_id="1", zone="UTC")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_text_stays_a_text(value: str) -> None:
    """In an element and in an attribute a reader finds exactly what was given."""
    seen = Seen(page_with(value))
    assert ("section", {"class": "tile", "title": f"Compared with {value}"}) in seen.elements
    assert seen.text.count(value) >= 3


def test_characters_that_html_forbids_are_replaced() -> None:
    """A control character or half a surrogate pair would break the page, or its encoding."""
    assert "a?b?c?d".replace("?", "\N{REPLACEMENT CHARACTER}") in page_with("a\x00b\x1bc\ud800d")


def test_a_name_that_a_template_was_not_given_is_an_error() -> None:
    """A misspelt variable must not become an empty place in somebody's mail."""
    with pytest.raises(UndefinedError, match="left_out"):
        render(
            "notification_mail.html",
            report=Document("R", "a", "b", [], [], Table("T", [], [])),
            application="Acme",
            link=None,
            attached=[],
        )

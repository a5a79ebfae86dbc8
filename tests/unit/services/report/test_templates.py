"""No text becomes markup, whatever stands in it."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from services.report.rendering.markup import Markup, element, join, text


class Seen(HTMLParser):
    """What a reader of HTML finds."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Notes a text."""
        self.text += data


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_text_stays_a_text(value: str) -> None:
    """In an element and in an attribute a reader finds exactly what was given."""
    seen = Seen(element("p", value, title=value))
    assert seen.elements == [("p", {"title": value})]
    assert seen.text == value


def test_markup_is_not_escaped_again() -> None:
    """Elements go into elements, in as many layers as there are."""
    inner = element("b", "1 < 2")
    assert element("p", [inner, ["and ", (Markup("<br/>"),)]]) == "<p><b>1 &lt; 2</b>and <br/></p>"
    assert text(inner) is inner


def test_characters_that_html_forbids_are_replaced() -> None:
    """A control character or half a character would break the page, or its encoding."""
    assert text("a\x00b\x1bc\ud800d") == "a?b?c?d".replace("?", "\N{REPLACEMENT CHARACTER}")


def test_attributes_are_written_as_html_names_them() -> None:
    """Underscores are hyphens, one at the end is none; None leaves it out."""
    assert element("line", class_="a", aria_label="b", x1=0, title=None) == '<line class="a" aria-label="b" x1="0"/>'


def test_pieces_of_nothing_are_nothing() -> None:
    """An empty text or list adds no markup."""
    assert join(["", []]) == ""

"""Smaller pages of a listing."""

from urllib.parse import parse_qs, urlsplit

import pytest

from services.sync.connectors.page_size import page_size, smaller_page

URL = "https://api.example/user/repos?affiliation=owner&per_page={}&page={}"


@pytest.mark.parametrize("size", [100, 50, 25, 37, 20])
@pytest.mark.parametrize("number", [1, 2, 3, 40])
def test_a_smaller_page_begins_where_the_larger_one_does_or_before(size: int, number: int) -> None:
    """So that nothing is left out; and not by more than a page."""
    smaller = smaller_page(URL.format(size, number))
    assert smaller is not None
    query = parse_qs(urlsplit(smaller).query)
    half, page = int(query["per_page"][0]), int(query["page"][0])
    assert half == page_size(smaller) == size // 2
    assert (number - 1) * size - half < (page - 1) * half <= (number - 1) * size
    assert query["affiliation"] == ["owner"]


def test_a_page_is_not_made_smaller_for_ever() -> None:
    """A service that cannot answer ten records has another problem."""
    assert smaller_page(URL.format(19, 1)) is None


def test_a_first_page_without_a_number_is_the_first() -> None:
    """And one without a size, or with nonsense as its size, has the largest."""
    assert smaller_page("https://api.example/repos?per_page=100") == "https://api.example/repos?per_page=50&page=1"
    assert page_size("https://api.example/repos") == page_size("https://api.example/repos?per_page=ten") == 100

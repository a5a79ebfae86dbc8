"""How many records a page has, as its address says it, and the address of a smaller one."""

import re

import httpx

LARGEST = 100
"""GitHub's maximum."""
_SMALLEST = 10
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def page_size(url: str) -> int:
    """Return how many records the page at an address has at most."""
    return _number(httpx.URL(url).params.get("per_page"), LARGEST)


def smaller_page(url: str) -> str | None:
    """Return the address of a page of half the size; None where it would be too small to help.

    It begins where the other does, or a little before it: nothing is left out.
    """
    address = httpx.URL(url)
    size, number = page_size(url), _number(address.params.get("page"), 1)
    half = size // 2
    if half < _SMALLEST:
        return None
    begin = (number - 1) * size
    return str(address.copy_merge_params({"per_page": half, "page": begin // half + 1}))


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and _NUMBER.fullmatch(text) else otherwise

"""A secret shows itself to `reveal` alone."""

import copy

import msgspec
import pytest

from nightshift.config.secret import Secret


@pytest.mark.parametrize(
    "text",
    [str(Secret("swordfish")), repr(Secret("swordfish")), f"{Secret('swordfish')}", f"{Secret('swordfish'):>20}"],
)
def test_no_way_of_printing_shows_it(text: str) -> None:
    """Printing and formatting give stars."""
    assert "swordfish" not in text
    assert "***" in text


def test_it_cannot_be_encoded() -> None:
    """A secret in a message or a log field is an error, not a leak."""
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("swordfish"))


def test_it_compares_by_value() -> None:
    """Equal settings are equal."""
    assert Secret("a") == Secret("a") == copy.copy(Secret("a"))
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_an_empty_one_is_false() -> None:
    """`if settings.smtp_password:` asks whether there is one."""
    assert Secret("a")
    assert not Secret("")

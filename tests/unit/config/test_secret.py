"""A secret shows itself to `reveal` alone."""

import copy
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from nightshift.config.env_fields import Pattern
from nightshift.config.env_settings import FromEnvironment, load
from nightshift.config.redaction import redact
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


def test_a_secret_from_a_file_is_what_the_file_holds_now(tmp_path: Path) -> None:
    """Replaced in any way; while it is away, empty or no such secret, the last one counts, and none is shown."""

    class Own(FromEnvironment, frozen=True, kw_only=True):
        key: Annotated[Secret, Pattern(r"[a-z-]+", "a-key"), Meta(description="A key.")]

    file = tmp_path / "key"
    file.write_text("first-key\n")
    own = load(Own, {"KEY_FILE": str(file)})
    assert own.key.reveal() == "first-key"
    (tmp_path / "next").write_text("second-key\n")
    (tmp_path / "next").rename(file)
    assert own.key.reveal() == "second-key"
    for broken in ("", "UPPER CASE", "\0"):
        file.write_text(broken)
        assert own.key.reveal() == "second-key"
    file.unlink()
    assert own.key.reveal() == "second-key"
    assert "second-key" not in repr(own) + redact("the key is second-key")

"""What is said of bodies that break their contract: in the words of their own field, and where."""

from typing import Annotated

import msgspec
import pytest

from nightshift.contract.constraints import END, encoding_error, explain, pattern
from nightshift.documents.patterns import portable
from nightshift.documents.schemas import tidy

_DIGITS = rf"^[0-9]+{END}"


class Invoice(msgspec.Struct):
    """A message with a pattern."""

    number: Annotated[str, pattern(_DIGITS, "the number of an invoice", description="Its number.")]


class Parcel(msgspec.Struct):
    """Another one, of another team, with the same pattern."""

    number: Annotated[str, pattern(_DIGITS, "the number of a parcel")]
    code: Annotated[str, pattern(_DIGITS, "a code of digits", extra_json_schema={"title": "Code"})] = "1"


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (Invoice, b'{"number":"x"}', "Expected the number of an invoice - at `$.number`"),
        (Parcel, b'{"number":"x"}', "Expected the number of a parcel - at `$.number`"),
        (Parcel, b'{"number":"1","code":"x"}', "Expected a code of digits - at `$.code`"),
    ],
)
def test_fields_of_one_pattern_keep_their_own_words(kind: type[msgspec.Struct], body: bytes, words: str) -> None:
    """Whatever another message, or another field of this one, says for the same pattern."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(body, type=kind)
    assert explain(refused.value, body) == words


def test_the_schema_has_the_pattern_as_it_was_written() -> None:
    """What tells two fields apart is nobody else's business."""
    fields = tidy(msgspec.json.schema(Parcel))["$defs"]["Parcel"]["properties"]
    assert {name: field["pattern"] for name, field in fields.items()} == dict.fromkeys(
        ("number", "code"), portable(_DIGITS)
    )
    assert fields["code"]["title"] == "Code"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"to":"a","subject":"Grüße"}'.encode("latin-1"), "byte 0xfc at position 23, in `subject`"),
        ('{"subject":"Grüße"}'.encode("utf-16"), "the body is UTF-16, expected UTF-8"),
        ('{"subject":"Grüße"}'.encode("utf-8-sig"), "the body begins with a byte order mark, expected UTF-8 without"),
        (b"\xff", "byte 0xff at position 0"),
        ('{"subject":"Grüße"}'.encode(), ""),
    ],
)
def test_a_body_in_another_encoding_is_told_as_that(body: bytes, words: str) -> None:
    """With the byte, its place in the body and the field, and nothing of the field's value."""
    said = encoding_error(body)
    assert words in said
    assert "Gr" not in said


def test_what_is_no_json_for_another_reason_is_told_as_before() -> None:
    """The decoder knows."""
    with pytest.raises(msgspec.DecodeError) as refused:
        msgspec.json.decode(b'{"a":')
    assert explain(refused.value, b'{"a":') == str(refused.value)

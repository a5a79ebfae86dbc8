"""What a contract says against a body, at the fields of the form."""

from typing import ClassVar, Literal

import pytest

from nightshift.console.sending.job_form import FieldError, body_of, errors_in, fields_of, texts_of
from nightshift.contract.message import Message
from nightshift.documents.schemas import Schema, schema_of


class OddForm(Message):
    """Fields of every kind."""

    SUBJECT: ClassVar[str] = "jobs.probe.odd"
    text: str
    needed: int | None
    either: int | str = 0
    several: str | list[str] = ""
    chosen: Literal["red", "green", 3] = "red"


SCHEMA: Schema = schema_of(OddForm, "jobs.probe.odd")


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        ("text", "one\ntwo", "one\ntwo"),
        ("needed", "", None),
        ("needed", "7", 7),
        ("several", '["a"]', ["a"]),
        ("several", "[a", "[a"),
        ("chosen", "green", "green"),
        ("chosen", "3", 3),
    ],
)
def test_what_is_filled_in_is_read_as_its_field_takes_it(field: str, given: str, value: object) -> None:
    """Nothing where a field takes null, a text that looks like something else, a choice of several kinds."""
    body, errors = body_of(SCHEMA, {"text": "a", field: given})
    assert (body[field], errors) == (value, [])


def test_a_text_without_a_short_limit_has_several_lines() -> None:
    """A line would lose the others."""
    kinds = {field.name: field.kind for field in fields_of(SCHEMA, texts_of({"text": "one\ntwo"}))}
    assert (kinds["text"], kinds["chosen"], kinds["needed"]) == ("text", "choice", "number")


def test_what_is_wrong_stands_at_its_field_without_its_place() -> None:
    """A place within the field is told; so is what belongs to no field."""
    assert errors_in("Expected `str`, got `int` - at `$.to`") == [FieldError("to", "Expected `str`, got `int`")]
    assert errors_in("Expected `str`, got `int` - at `$.to[3]`") == [
        FieldError("to", "Expected `str`, got `int` - at `$.to[3]`")
    ]
    assert errors_in("Object missing required field `to`") == [FieldError("", "Object missing required field `to`")]

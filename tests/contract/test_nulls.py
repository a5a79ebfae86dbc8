"""Null stands for a field that is absent: what serializers of optional values write is no mistake."""

from collections.abc import Iterator

import msgspec
import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.message import Message
from nightshift.documents.schemas import branches
from tools.contracts.samples import of_message, read

_SAMPLES = read()


def _optional() -> Iterator[tuple[type[Message], str]]:
    for cls in load_catalogue().messages.values():
        for field in msgspec.structs.fields(cls):
            if not field.required:
                yield cls, field.encode_name


@pytest.mark.parametrize(("cls", "field"), list(_optional()))
def test_null_is_taken_for_every_optional_field(cls: type[Message], field: str) -> None:
    """By the decoder, and by the schema that everybody else checks with."""
    sample = min((one for one in of_message(cls.TYPE, _SAMPLES) if one.valid), key=lambda one: len(one.body))
    body = {**sample.value(), field: None}
    assert isinstance(msgspec.json.decode(msgspec.json.encode(body), type=cls), cls)
    schema = msgspec.json.schema(cls)
    content = schema["$defs"][cls.__name__]["properties"][field]
    assert any(branch.get("type") == "null" for branch in branches(content, schema["$defs"]))


def test_there_are_optional_fields() -> None:
    """Or the rule would say nothing."""
    assert {field for cls, field in _optional() if cls.TYPE == "email.send"} >= {"cc", "bcc", "attachments", "text"}

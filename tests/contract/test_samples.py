"""The samples under `contracts/samples` are what the contracts say they are."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.message import Message

SAMPLES = Path(__file__).resolve().parents[2] / "contracts" / "samples"
DIALECT_OF_PYTHON = re.compile(r"\$|\\[sdwSDWbBAZ]|\(\?P|\(\?[aiLmsux]|\\U")


def _samples(kind: str) -> list[Any]:
    return [
        pytest.param(cls, path, id=f"{cls.TYPE}:{path.stem}")
        for cls in load_catalogue().messages.values()
        for path in sorted((SAMPLES / cls.SUBJECT / kind).glob("*.json"))
    ]


def _schema(cls: type[Message]) -> dict[str, Any]:
    return msgspec.json.schema(cls)


@pytest.mark.parametrize("cls", list(load_catalogue().messages.values()), ids=lambda cls: cls.TYPE)
def test_every_message_has_samples(cls: type[Message]) -> None:
    """A message has two valid and three invalid samples at least."""
    folder = SAMPLES / cls.SUBJECT
    valid, invalid = len([*folder.glob("valid/*.json")]), len([*folder.glob("invalid/*.json")])
    assert valid >= 2, f"{folder}/valid holds {valid} samples, expected 2 or more"
    assert invalid >= 3, f"{folder}/invalid holds {invalid} samples, expected 3 or more"


@pytest.mark.parametrize(("cls", "path"), _samples("valid"))
def test_valid_samples_survive_a_round_trip(cls: type[Message], path: Path) -> None:
    """A valid sample decodes, and what is encoded from it decodes to the same message."""
    message = msgspec.json.decode(path.read_bytes(), type=cls)
    assert msgspec.json.decode(msgspec.json.encode(message), type=cls) == message


@pytest.mark.parametrize("cls", list(load_catalogue().messages.values()), ids=lambda cls: cls.TYPE)
def test_patterns_mean_the_same_in_both_dialects(cls: type[Message]) -> None:
    r"""No pattern uses what Python and ECMAScript read differently: `$`, `\s`, `\d`, `\w`, inline flags."""
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(_schema(cls)))
    for pattern in map(json.loads, patterns):
        # `[\s\S]` is any character in both, and a dollar in a class is a dollar.
        plain = re.sub(r"\[(?:[^\]\\]|\\.)*\]", "", pattern.replace(r"[\s\S]", ""))
        assert not DIALECT_OF_PYTHON.search(plain), pattern


@pytest.mark.parametrize("cls", list(load_catalogue().messages.values()), ids=lambda cls: cls.TYPE)
def test_no_text_with_a_pattern_stands_beside_a_list(cls: type[Message]) -> None:
    """No field is a text with a pattern or else a list: msgspec corrupts memory there (see `shape_or_list`)."""
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    assert not [field.encode_name for field in info.fields if _corrupts(_bare(field.type))]


def _bare(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    return kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind


def _corrupts(kind: msgspec.inspect.Type) -> bool:
    if not isinstance(kind, msgspec.inspect.UnionType):
        return False
    kinds = [_bare(part) for part in kind.types]
    pattern = any(isinstance(part, msgspec.inspect.StrType) and part.pattern for part in kinds)
    return pattern and any(
        isinstance(part, msgspec.inspect.CollectionType | msgspec.inspect.DictType) for part in kinds
    )

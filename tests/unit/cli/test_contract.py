"""What the command line says about a body that breaks its contract."""

import json
from pathlib import Path

import pytest

from nightshift.cli.client.contract import check_body, message_class
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.contract.catalogue import load_catalogue

SAMPLES = Path(__file__).resolve().parents[3] / "contracts" / "samples"

VALID = [path for name in load_catalogue().messages for path in sorted((SAMPLES / f"jobs.{name}").glob("valid/*.json"))]
INVALID = [
    path for name in load_catalogue().messages for path in sorted((SAMPLES / f"jobs.{name}").glob("invalid/*.json"))
]


def _type(path: Path) -> str:
    return path.parent.parent.name.removeprefix("jobs.")


def _named(path: Path) -> str:
    return f"{_type(path)}/{path.stem}"


def test_there_are_samples() -> None:
    """The tests below are of something."""
    assert VALID
    assert INVALID


@pytest.mark.parametrize("path", VALID, ids=_named)
def test_a_valid_sample_is_taken(path: Path) -> None:
    """What a worker takes, the command line takes; fields that no contract has yet, only when told so."""
    check_body(load_catalogue().messages, _type(path), path.read_bytes(), unknown_fields=True)


@pytest.mark.parametrize("path", INVALID, ids=_named)
def test_an_invalid_sample_is_refused(path: Path) -> None:
    """What would be a dead letter is not sent, and the reason is the one that its header would give."""
    sample = json.loads(path.read_bytes())
    body = sample["body"].encode() if isinstance(sample["body"], str) else json.dumps(sample["body"]).encode()
    with pytest.raises(UsageError) as wrong:
        check_body(load_catalogue().messages, _type(path), body, unknown_fields=True)
    assert sample["reason"] in str(wrong.value) or "not JSON" in str(wrong.value)


def test_every_wrong_field_is_named_with_what_may_have_been_meant() -> None:
    """Unknown ones all at once, and the first that breaks the contract."""
    body = json.dumps({"tos": "a@example.com", "subjekt": "Hi", "body": "x"}).encode()
    with pytest.raises(UsageError) as wrong:
        check_body(load_catalogue().messages, "email.send", body)
    assert "no field `tos` at `$`; did you mean to?" in str(wrong.value)
    assert "no field `subjekt` at `$`; did you mean subject?" in str(wrong.value)
    assert "Object missing required field `to`" in str(wrong.value)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"to": "\xff"}', b"[]", b"null", b"7"])
def test_whatever_is_typed_is_refused_in_words(body: bytes) -> None:
    """Never another exception."""
    with pytest.raises(UsageError):
        check_body(load_catalogue().messages, "email.send", body)


def test_the_subject_of_a_type_is_its_type() -> None:
    """Who types `jobs.email.send` means email.send."""
    assert message_class(load_catalogue().messages, "jobs.email.send") is message_class(
        load_catalogue().messages, "email.send"
    )

"""How the body of an event is read."""

from base64 import b64encode
from typing import Any

import msgspec
import pytest

from nightshift.webhooks.handled import decode_event
from tests.unit.services.webhook.events import message


def test_json_is_decoded() -> None:
    """The handler gets the provider's data, and the bytes as they came."""
    event = decode_event(message({"id": 17, "name": "Ada"}))
    assert (event.source, event.id, event.type) == ("acme", "17", "order.paid")
    assert event.data == {"id": 17, "name": "Ada"}
    assert event.body == b'{"id": 17, "name": "Ada"}'


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/hal+json", ""])
def test_every_kind_of_json_is_json(kind: str) -> None:
    """Parameters and suffixes do not matter; a provider that does not say what it sends sends JSON."""
    assert decode_event(message([1], content_type=kind)).data == [1]


def test_bytes_travel_in_base64() -> None:
    """A body that is no text reaches the handler byte for byte, and is decoded by nobody."""
    encoded = b64encode(b"\xff\x00").decode()
    event = decode_event(message("", body_base64=encoded, content_type="image/png"))
    assert (event.body, event.data) == (b"\xff\x00", None)


def test_a_form_becomes_its_fields() -> None:
    """Each field is a list, as it may be there several times."""
    event = decode_event(message("From=%2B49&Body=&Body=Hi", content_type="application/x-www-form-urlencoded"))
    assert event.data == {"From": ["+49"], "Body": ["", "Hi"]}


def test_json_in_a_form_is_unwrapped() -> None:
    """GitHub sends its JSON as the one field `payload` where a webhook is set so."""
    body = "payload=%7B%22ref%22%3A%22main%22%7D"
    assert decode_event(message(body, content_type="application/x-www-form-urlencoded")).data == {"ref": "main"}


@pytest.mark.parametrize(
    ("body", "changes", "reason"),
    [
        ("{", {}, r"the event's body is not JSON: .* - at `\$\.body`"),
        ("", {}, r"the event's body is empty, expected JSON - at `\$\.body`"),
        ("", {"body_base64": "/wA="}, r"the event's body is not JSON: .* - at `\$\.bodyBase64`"),
        ("[" * 100_000 + "]" * 100_000, {}, r"the event's body is not JSON: it is nested too deeply - at `\$\.body`"),
        ('{"a": 1} {', {}, r"the event's body is not JSON: .* - at `\$\.body`"),
        ("{}", {"event_type": "unknown"}, r"acme did not say what type of event it is - at `\$\.eventType`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_field_and_reason(body: str, changes: dict[str, Any], reason: str) -> None:
    """So the dead letter of the event says what is wrong where."""
    with pytest.raises(msgspec.ValidationError, match=f"^{reason}$"):
        decode_event(message(body, **changes))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (r'"a\u0000b"', "a\N{REPLACEMENT CHARACTER}b"),
        (r'"\u0000\u0000"', "\N{REPLACEMENT CHARACTER}" * 2),
        (r'{"a\u0000": "\\\u0000"}', {"a\N{REPLACEMENT CHARACTER}": "\\\N{REPLACEMENT CHARACTER}"}),
        (r'"\\u0000 \\\\u0000"', r"\u0000 \\u0000"),
    ],
)
def test_a_nul_is_replaced_in_what_is_decoded(body: str, value: Any) -> None:
    """PostgreSQL takes none in a text; the six characters that look like one stay as they are."""
    assert decode_event(message(body)).data == value


def test_a_nul_in_a_form_is_replaced() -> None:
    """However it is written."""
    event = decode_event(message("a%00=b%00c", content_type="application/x-www-form-urlencoded"))
    assert event.data == {"a\N{REPLACEMENT CHARACTER}": ["b\N{REPLACEMENT CHARACTER}c"]}

"""What a verified request says of itself: identity, type and time. What it does not say, or says oddly, is no error."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

UNKNOWN = "unknown"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:=+/@-]{1,200}")
_MAX_TYPE = 255
_BODY_ID_DIGITS = 40
_DECODING = (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError)


class ProviderEvent(msgspec.Struct, frozen=True):
    """One event: the same event always has the same `id`, whatever an unsigned header says."""

    id: str
    type: str = UNKNOWN
    delivery_id: str | None = None
    """The provider's id of the delivery where no signature covers it: to be shown, not to be trusted."""
    occurred_at: datetime | None = None


def content_id(content: bytes) -> str:
    """Return the identity of an event whose id is not signed: the hash of what is."""
    return hashlib.sha256(content).hexdigest()[:_BODY_ID_DIGITS]


def signed_id(value: object, content: bytes) -> str:
    """Return a signed id as text that fits a header and a key: itself, else its hash; without one the content's."""
    if not isinstance(value, str) or not value:
        return content_id(content)
    return value if _PLAIN_ID.fullmatch(value) else content_id(value.encode("utf-8", "surrogatepass"))


def type_name(value: object) -> str:
    """Return a type as one line of text; `unknown` when it is none."""
    if isinstance(value, str) and 0 < len(value) <= _MAX_TYPE and value.isprintable():
        return value
    return UNKNOWN


def instant(value: object) -> datetime | None:
    """Return an instant in UTC from Unix seconds or RFC 3339; None when it is neither."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            parsed = msgspec.convert(value, datetime)
            return None if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError, OSError):
        pass
    return None


def json_object(body: bytes) -> dict[str, Any]:
    """Return the body's fields; none when it is no JSON object."""
    try:
        value = msgspec.json.decode(body)
    except _DECODING:
        return {}
    return value if isinstance(value, dict) else {}


def at_pointer(document: Any, pointer: str) -> object:
    """Return what a JSON pointer (RFC 6901) names in a document; None when nothing is there."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and name.isascii() and int(name[:6]) < len(document):
            document = document[int(name[:6])]
        else:
            return None
    return document

"""The event that handlers get: what the gateway says about it, and its body decoded."""

from base64 import b64decode
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from nightshift.contract.constraints import ONE_LINE, ONE_LINE_WORDS, explain, pattern
from nightshift.outcomes import Permanent
from nightshift.webhooks.json_text import REPLACEMENT, decode_json
from nightshift.webhooks.received import WebhookReceived

T = TypeVar("T")
UNKNOWN_TYPE = "unknown"
"""What the gateway says where it found no type."""
_FORM = "application/x-www-form-urlencoded"
Id = Annotated[str, pattern(ONE_LINE, ONE_LINE_WORDS, min_length=1, max_length=255)]
"""What names an object at a provider, and becomes a key."""
_decode_message = msgspec.json.Decoder(WebhookReceived).decode


@dataclass(slots=True)
class WebhookEvent:
    """One event of a provider; `about` is what the gateway says about it."""

    about: WebhookReceived
    body: bytes
    """As the provider sent it."""
    data: Any
    """The body decoded: JSON, or a form's fields, each a list of texts; None where it is neither. A NUL is replaced."""
    message: bytes
    """The body of the job, which replays it."""
    outcome: str = "done"
    """What becomes of it once its handler has returned; a step of its transaction may find out that it is stale."""
    returned: Any = None
    """What its handler has returned, for the hooks around it."""

    @property
    def source(self) -> str:
        """Where it comes from, as the gateway's file of sources names it."""
        return self.about.source

    @property
    def id(self) -> str:
        """The identity of the event at its source."""
        return self.about.event_id

    @property
    def type(self) -> str:
        """What happened, in the provider's words."""
        return self.about.event_type


def decode_event(message: bytes) -> WebhookEvent:
    """Decode the body of a job, and in it the body of the event.

    Raises:
        msgspec.ValidationError: it breaks the contract, its type is unknown, or it says that it is JSON and is not.
    """
    about = _decode_message(message)
    body = (about.body or "").encode() if about.body_base64 is None else b64decode(about.body_base64)
    data = _decode_body(body, about)
    if about.event_type == UNKNOWN_TYPE:
        raise msgspec.ValidationError(f"{about.source} did not say what type of event it is - at `$.eventType`")
    return WebhookEvent(about, body, data, message)


def convert(event: WebhookEvent, kind: type[T], data: Any = msgspec.UNSET, at: str = "") -> T:
    """Return the event's data, or the part `data` of it, which is at the path `at`, as what a handler expects.

    Raises:
        Permanent: the data is something else; the text says which field is wrong.
    """
    try:
        return msgspec.convert(event.data if data is msgspec.UNSET else data, kind)
    except msgspec.ValidationError as error:
        words = explain(error).replace("`$", f"`$.{at}" if at else "`$")
        where = "" if "`$" in words or not at else f" - at `$.{at}`"
        raise Permanent(f"a {event.type} of {event.source} is not as its handler expects it: {words}{where}") from None


def _decode_body(body: bytes, about: WebhookReceived) -> Any:
    kind = (about.content_type or "").partition(";")[0].strip().lower()
    if kind == _FORM:
        text = body.decode("utf-8", "replace").replace("%00", REPLACEMENT).replace("\x00", REPLACEMENT)
        fields = parse_qs(text, keep_blank_values=True)
        # GitHub wraps its JSON so, where a webhook is set to this content type.
        return _decode_json(fields["payload"][0].encode(), about) if fields.keys() == {"payload"} else fields
    if kind in {"", "application/json", "text/json"} or kind.endswith("+json"):
        return _decode_json(body, about)
    return None


def _decode_json(body: bytes, about: WebhookReceived) -> Any:
    field = "body" if about.body_base64 is None else "bodyBase64"
    if not body.strip():
        raise msgspec.ValidationError(f"the event's body is empty, expected JSON - at `$.{field}`")
    try:
        return decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = "it is nested too deeply" if isinstance(error, RecursionError) else explain(error, body)
        raise msgspec.ValidationError(f"the event's body is not JSON: {words} - at `$.{field}`") from None

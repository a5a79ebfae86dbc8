"""What a provider is answered: exactly 200, in the form that it expects."""

import msgspec
from starlette.responses import Response

from nightshift.gateway.responses import json_response
from nightshift.webhooks.schemes.slack import challenge_of
from nightshift.webhooks.source import Source

_EMPTY_TWIML = b"<Response/>"
"""Twilio reads the answer as instructions: do nothing."""


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """The event is stored, or need not be."""

    received: bool
    duplicate: bool = False
    """It was stored before."""
    ignored: bool = False
    """The source does not want events of this type."""


class Challenge(msgspec.Struct, frozen=True):
    """Slack's question whether the address is ours."""

    challenge: str


def receipt(source: Source, *, duplicate: bool = False, ignored: bool = False) -> Response:
    """Return the answer to an event that was verified."""
    if source.kind == "twilio":
        return Response(_EMPTY_TWIML, media_type="text/xml")
    # `received` is no default value of the struct, and so is always there.
    return json_response(Receipt(True, duplicate, ignored))


def challenge_answer(source: Source, body: bytes) -> Response | None:
    """Return the answer to a provider's challenge; None when the request is none."""
    challenge = challenge_of(body) if source.kind == "slack" else None
    return None if challenge is None else json_response(Challenge(challenge))

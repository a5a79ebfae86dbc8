"""The job that a provider's event becomes: what the gateway has verified, for the service that works it off."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift.contract.constraints import END, INSTANT, ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message

SOURCE = rf"^[a-z][a-z0-9_-]*{END}"
SourceName = Annotated[
    str,
    pattern(
        SOURCE,
        "the name of a source in lower case, such as 'stripe'",
        max_length=40,
        description="Source of the event, as the gateway's file of sources names it.",
        examples=["stripe", "github", "resend"],
    ),
]
MAX_ID_CHARACTERS = 255
_BASE64 = rf"^(?:[A-Za-z0-9+/]{{4}})*(?:[A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=)?{END}"


class WebhookReceived(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Work off one event of a provider, whose signature the gateway has checked.

    Only the gateway publishes it: whoever could publish it could forge any event. Its body is the provider's own, byte
    for byte; nobody but the handler has looked into it.
    """

    SUBJECT: ClassVar[str] = "jobs.webhook.received"
    TIMEOUT_SECONDS: ClassVar[float | None] = 60.0

    source: SourceName
    event_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Identity of the event: the provider's id where its signature covers it, else the hash of "
            "the body. With the source, it is done once.",
            examples=["evt_1TkQ2eLkdIwHu7ix9WJ0aBcD"],
            min_length=1,
            max_length=MAX_ID_CHARACTERS,
        ),
    ]
    event_type: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="What happened, in the provider's words; `unknown` when the gateway found no type.",
            examples=["checkout.session.completed", "push"],
            min_length=1,
            max_length=MAX_ID_CHARACTERS,
        ),
    ]
    delivery_id: Annotated[
        Annotated[str, pattern(ONE_LINE, ONE_LINE_WORDS, min_length=1, max_length=MAX_ID_CHARACTERS)] | None,
        Meta(
            description="The provider's id of the delivery, where it is another one than that of the event. "
            "No signature covers it.",
            examples=["72d3162e-cc78-11e3-81ab-4c9367dc0958"],
        ),
    ] = None
    received_at: Annotated[
        datetime,
        INSTANT,
        Meta(description="When the gateway received it (RFC 3339, UTC).", examples=["2026-11-27T09:30:00.512Z"]),
    ]
    occurred_at: Annotated[
        Annotated[datetime, INSTANT] | None,
        Meta(description="When it happened, if the provider says so (RFC 3339).", examples=["2026-11-27T09:29:58Z"]),
    ] = None
    content_type: Annotated[
        Annotated[str, pattern(ONE_LINE, ONE_LINE_WORDS, max_length=MAX_ID_CHARACTERS)] | None,
        Meta(
            description="Media type of the body, as the provider said it; JSON where it is left out.",
            examples=["application/json"],
        ),
    ] = None
    headers: Annotated[
        Annotated[dict[str, Annotated[str, Meta(max_length=8192)]], Meta(max_length=50)] | None,
        Meta(
            description="The few headers that the gateway passes on, by their names in lower case; never a signature.",
            examples=[{"x-github-event": "push"}],
        ),
    ] = None
    body: Annotated[
        str | None, Meta(description="The body as text.", examples=['{"id": "evt_1TkQ2eLkdIwHu7ix9WJ0aBcD"}'])
    ] = None
    body_base64: Annotated[
        Annotated[
            str,
            pattern(_BASE64, "standard base64 with padding, in one line"),
        ]
        | None,
        Meta(description="The body in base64, when it is no UTF-8 text; `body` is left out then.", examples=["/wA="]),
    ] = None


def job_id_of(source: str, event_id: str) -> str:
    """Return the id of an event's job. The gateway takes no source with a hyphen, so that no two share an id."""
    return f"{source}-{event_id}"

"""The messages of the webhook service."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift.contract.constraints import CONTROL, END, INSTANT, ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message
from nightshift.webhooks.received import MAX_ID_CHARACTERS, SourceName, WebhookReceived

__all__ = ["RefreshObject", "WebhookReceived"]


class RefreshObject(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Get the present state of a provider's object from the provider, and store it.

    The service asks for it when events do not say which of them is the newest, or do not contain the object.
    """

    SUBJECT: ClassVar[str] = "jobs.webhook.refresh"
    TIMEOUT_SECONDS: ClassVar[float | None] = 60.0

    source: SourceName
    object_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="The provider's id of the object.",
            examples=["sub_1TkQ2eLkdIwHu7ix"],
            min_length=1,
            max_length=MAX_ID_CHARACTERS,
        ),
    ]
    object_type: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="What kind of object it is, in the provider's words.",
            examples=["subscription"],
            min_length=1,
            max_length=MAX_ID_CHARACTERS,
        ),
    ]
    path: Annotated[
        str,
        pattern(
            rf"^/[^/{CONTROL} #?@\\][^{CONTROL} #@\\]*{END}",
            "the path of an object at the provider's API, such as '/v1/subscriptions/sub_17', without a host",
            max_length=1024,
            description="Path of the object at the provider's API.",
            examples=["/v1/subscriptions/sub_1TkQ2eLkdIwHu7ix"],
        ),
    ]
    context: Annotated[
        Annotated[str, pattern(ONE_LINE, ONE_LINE_WORDS, min_length=1, max_length=MAX_ID_CHARACTERS)] | None,
        Meta(description="Account at the provider that the object belongs to.", examples=["acct_1TkQ2eLkdIwHu7ix"]),
    ] = None
    as_of: Annotated[
        datetime,
        INSTANT,
        Meta(description="When the event happened that led to it (RFC 3339).", examples=["2026-11-27T09:29:58Z"]),
    ]

"""The description of the operation of webhooks."""

from nightshift.gateway.documented import JSON, TRACEPARENT, Answer, Body, Documented, Parameter
from nightshift.gateway.webhooks.answers import Challenge, Receipt

_RECEIVED = (
    "For providers: whoever has the source's secret may send. 200 means that the event is on the broker's disk, or in "
    "the database until the broker is back; it is answered within 2.5 seconds. The same event again is answered with "
    "`duplicate`; an event of a type that the source does not want with `ignored`. Which headers have to be there is "
    "the provider's own affair: Stripe, Standard Webhooks, GitHub, Slack, Shopify, Twilio, or any other signature."
)
DOCUMENTED: tuple[Documented, ...] = (
    Documented(
        "POST",
        "/webhooks/{source}",
        "receiveWebhook",
        "webhooks",
        "Take an event of a provider.",
        None,
        {
            200: Answer(
                "Stored, or not wanted. Slack's challenge is answered; Twilio gets an empty TwiML document.",
                {JSON: {"anyOf": [Receipt, Challenge]}, "text/xml": {"type": "string"}},
            )
        },
        ("invalid-signature", "not-found", "too-large", "unsupported-media-type", "too-many-requests", "unavailable"),
        _RECEIVED,
        (
            Parameter(
                "source",
                "path",
                "The source's name in the file that GATEWAY_WEBHOOKS names.",
                {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
                "stripe",
            ),
            TRACEPARENT,
        ),
        Body({"*/*": {}}, "As the provider sends it: bytes, of which every one is signed.", required=False),
    ),
)

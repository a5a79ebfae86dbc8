"""Stripe: `Stripe-Signature: t=…,v1=…`, HMAC-SHA256 over time and body; several `v1`, others ignored."""

from typing import ClassVar

from nightshift.webhooks.clock import check_age, parse_seconds
from nightshift.webhooks.event import ProviderEvent, instant, json_object, signed_id, type_name
from nightshift.webhooks.keys import HmacKeys
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import DEFAULT_TOLERANCE_SECONDS, Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified

_HEADER = b"stripe-signature"


class StripeScheme(Scheme):
    """The key is the endpoint's signing secret as it is written, `whsec_` included."""

    REPEATS = True
    SIGNS_ID: ClassVar[bool] = True
    USUALLY: ClassVar[str] = (
        "the secret is that of another endpoint, of test mode instead of live mode, or an API key (sk_…) instead of "
        "the endpoint's signing secret (whsec_…); or a proxy changes the body on the way"
    )

    def __init__(self, secrets: tuple[str, ...], tolerance_seconds: float = DEFAULT_TOLERANCE_SECONDS) -> None:
        self._keys = HmacKeys([secret.encode() for secret in secrets])
        self._tolerance_seconds = tolerance_seconds

    def _verify(self, request: WebhookRequest, now: float) -> Verified:
        times, signatures = [], []
        for item in request.need(_HEADER).split(b","):
            name, _, value = item.partition(b"=")
            if name == b"t":
                times.append(value)
            elif name == b"v1":
                signatures.append(value)
        if len(times) != 1:
            raise RefusedError("malformed")
        signed_at = parse_seconds(times[0])
        secret = self._keys.match((times[0], b".", request.body), signatures)
        check_age(signed_at, now, self._tolerance_seconds)
        return Verified(secret, signed_at)

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Read id, type and time from the body; thin events (`v2.core.event`) have them in the same places."""
        fields = json_object(request.body)
        return ProviderEvent(
            id=signed_id(fields.get("id"), request.body),
            type=type_name(fields.get("type")),
            occurred_at=instant(fields.get("created")),
        )

    def sign(self, sample: Sample, now: float) -> SignedSample:
        """Sign as Stripe does; the body has to contain id and type."""
        time = b"%d" % now
        signature = self._keys.signatures((time, b".", sample.body))[0]
        return SignedSample(
            {"content-type": sample.content_type, _HEADER.decode(): f"t={time.decode()},v1={signature.decode()}"}
        )

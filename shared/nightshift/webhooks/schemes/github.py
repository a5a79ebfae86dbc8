"""GitHub: `X-Hub-Signature-256: sha256=…` over the body. Event and delivery id are headers that nothing signs."""

import uuid
from typing import ClassVar

from nightshift.webhooks.event import ProviderEvent, content_id, type_name
from nightshift.webhooks.keys import HmacKeys
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified

_HEADER, _EVENT, _DELIVERY = b"x-hub-signature-256", b"x-github-event", b"x-github-delivery"
_PREFIX = b"sha256="


class GitHubScheme(Scheme):
    """An event is its body: whoever captured one cannot send it again under a new delivery id."""

    PASSED_ON: ClassVar[tuple[str, ...]] = (
        "x-github-event",
        "x-github-delivery",
        "x-github-hook-id",
        "x-github-hook-installation-target-id",
        "x-github-hook-installation-target-type",
    )
    MAX_BODY_BYTES: ClassVar[int] = 26_000_000

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._keys = HmacKeys([secret.encode() for secret in secrets])

    def _verify(self, request: WebhookRequest, now: float) -> Verified:  # noqa: ARG002 - GitHub signs no time
        header = request.need(_HEADER)
        if not header.startswith(_PREFIX):
            raise RefusedError("malformed")
        return Verified(self._keys.match((request.body,), [header[len(_PREFIX) :]]))

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Name the event by the hash of its body, its type by the header."""
        return ProviderEvent(content_id(request.body), type_name(request.text(_EVENT)), request.text(_DELIVERY))

    def sign(self, sample: Sample, now: float) -> SignedSample:  # noqa: ARG002
        """Sign as GitHub does."""
        signature = _PREFIX + self._keys.signatures((sample.body,))[0]
        headers = {_HEADER: signature.decode(), _DELIVERY: sample.event_id or str(uuid.uuid4())}
        if sample.event_type:
            headers[_EVENT] = sample.event_type
        return SignedSample(
            {"content-type": sample.content_type, **{name.decode(): value for name, value in headers.items()}}
        )

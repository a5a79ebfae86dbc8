"""The token: a shared secret in a header, as GitLab and many internal senders do it. Nothing is signed."""

import hashlib
from typing import ClassVar

from nightshift.webhooks.event import ProviderEvent
from nightshift.webhooks.keys import first_match
from nightshift.webhooks.naming import Naming
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified


class TokenScheme(Scheme):
    """Whoever sees one request can forge all others: for providers that offer nothing else."""

    USUALLY: ClassVar[str] = "the token is another one, or a proxy removes the header"

    def __init__(
        self,
        secrets: tuple[str, ...],
        header: str,
        prefix: str = "",
        naming: Naming = Naming(),  # noqa: B008 - immutable
    ) -> None:
        self._header, self._prefix, self._naming = header, prefix, naming
        self._first = secrets[0]
        self._expected = [_digest(secret.encode()) for secret in secrets]

    def _verify(self, request: WebhookRequest, now: float) -> Verified:  # noqa: ARG002 - a token has no time
        value, prefix = request.need(self._header.encode()), self._prefix.encode()
        if not value.startswith(prefix):
            raise RefusedError("malformed")
        return Verified(first_match(self._expected, [_digest(value[len(prefix) :])]))

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Name the event by what the source's pointers name, else by the hash of its body."""
        return self._naming.event(request, None)

    def sign(self, sample: Sample, now: float) -> SignedSample:  # noqa: ARG002
        """Send the first token."""
        headers = {"content-type": sample.content_type, self._header: self._prefix + self._first}
        return SignedSample(headers | self._naming.headers(sample))


def _digest(token: bytes) -> bytes:
    """Return a hash of equal length for all tokens, so that comparing says nothing of their length either."""
    return hashlib.sha256(token).digest()

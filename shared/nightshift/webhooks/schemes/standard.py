"""Standard Webhooks 1.0.0 (Svix, Resend, OpenAI, …): `v1` is HMAC-SHA256, `v1a` Ed25519, over id, time and body."""

import base64
import secrets as randomness
from collections.abc import Sequence
from typing import ClassVar

from nightshift.webhooks.clock import check_age, parse_seconds
from nightshift.webhooks.ed25519 import SIGNING_PREFIX, VERIFYING_PREFIX, EdKey
from nightshift.webhooks.event import ProviderEvent, instant, json_object, signed_id, type_name
from nightshift.webhooks.keys import HmacKeys, limited
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import DEFAULT_TOLERANCE_SECONDS, Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified

PREFIX = "whsec_"
_NAMES = (b"webhook-", b"svix-")
"""Svix, where the standard comes from, sends the same headers under its own name as well."""


class StandardScheme(Scheme):
    """Secrets: `whsec_…` for `v1`; `whpk_…`, the provider's public key, for `v1a`; both may stand side by side."""

    REPEATS = True
    PASSED_ON: ClassVar[tuple[str, ...]] = ("webhook-id", "webhook-timestamp", "svix-id")
    SIGNS_ID: ClassVar[bool] = True

    def __init__(self, secrets: tuple[str, ...], tolerance_seconds: float = DEFAULT_TOLERANCE_SECONDS) -> None:
        """Use the secrets.

        Raises:
            ValueError: one is no key of either kind.
        """
        self._checks = [_Check(secret) for secret in secrets]
        self._tolerance_seconds = tolerance_seconds

    def _verify(self, request: WebhookRequest, now: float) -> Verified:
        name = next((name for name in _NAMES if request.find(name + b"id")), _NAMES[0])
        message_id, time = request.need(name + b"id"), request.need(name + b"timestamp")
        signed_at = parse_seconds(time)
        candidates = limited([item for item in request.need(name + b"signature").split(b" ") if item])
        signed = (message_id, b".", time, b".", request.body)
        matches = [check.matches(signed, candidates) for check in self._checks]
        if True not in matches:
            raise RefusedError("bad-signature")
        check_age(signed_at, now, self._tolerance_seconds)
        return Verified(matches.index(True) + 1, signed_at)

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Read the signed id from its header, type and time from the body."""
        fields = json_object(request.body)
        return ProviderEvent(
            id=signed_id(request.text(b"webhook-id") or request.text(b"svix-id"), request.body),
            type=type_name(fields.get("type")),
            occurred_at=instant(fields.get("timestamp")) or instant(fields.get("created_at")),
        )

    def sign(self, sample: Sample, now: float) -> SignedSample:
        """Sign with the first secret that can; a public key cannot."""
        message_id = sample.event_id or f"msg_{randomness.token_hex(12)}"
        time = b"%d" % now
        signed = (message_id.encode(), b".", time, b".", sample.body)
        signature = next((signature for check in self._checks if (signature := check.sign(signed))), None)
        if signature is None:
            raise ValueError("a public key (whpk_…) verifies only: add a secret that signs (whsec_…, or whsk_…)")
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": time.decode(),
            "webhook-signature": signature.decode(),
        }
        return SignedSample({"content-type": sample.content_type, **headers})


class _Check:
    """One secret, and the kind of signature that it is for."""

    def __init__(self, secret: str) -> None:
        self._ed: EdKey | None = None
        self._hmac: HmacKeys | None = None
        if secret.startswith((VERIFYING_PREFIX, SIGNING_PREFIX)):
            self._ed, self._version = EdKey(secret), b"v1a,"
        else:
            self._hmac, self._version = HmacKeys([hmac_key(secret)], "sha256", "base64"), b"v1,"

    def matches(self, signed: tuple[bytes, ...], candidates: Sequence[bytes]) -> bool:
        mine = [item[len(self._version) :] for item in candidates if item.startswith(self._version)]
        if self._ed is not None:
            message = b"".join(signed)
            return any([self._ed.verifies(message, item) for item in mine])  # noqa: C419 - no early exit
        try:
            return self._hmac is not None and self._hmac.match(signed, mine or [b""]) == 1
        except RefusedError:
            return False

    def sign(self, signed: tuple[bytes, ...]) -> bytes | None:
        if self._hmac is not None:
            return self._version + self._hmac.signatures(signed)[0]
        signature = self._ed.sign(b"".join(signed)) if self._ed is not None else None
        return None if signature is None else self._version + signature


def hmac_key(secret: str) -> bytes:
    """Return the key of a `whsec_` secret.

    Raises:
        ValueError: it is not base64 of 24 to 64 bytes.
    """
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError("expected whsec_ and base64") from None
    if not 24 <= len(key) <= 64:  # noqa: PLR2004 - the specification's limits
        raise ValueError(f"expected a key of 24 to 64 bytes in base64 after whsec_, this one has {len(key)}")
    return key

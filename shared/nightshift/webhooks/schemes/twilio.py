"""Twilio: `X-Twilio-Signature` over the public URL and the sorted form, or over a URL that holds the body's hash.

The public URL is a setting: behind a proxy a request does not know it, and `X-Forwarded-*` says what anybody likes.
"""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from nightshift.webhooks.event import ProviderEvent, content_id, type_name
from nightshift.webhooks.keys import Algorithm, HmacKeys
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified

_HEADER, _TOKEN = b"x-twilio-signature", b"i-twilio-idempotency-token"
_SETTINGS = b"x-twilio-webhooks-signature-settings"
_FORM = b"application/x-www-form-urlencoded"
_MAX_FIELDS = 1000
_USUAL_PORT = {"https": 443, "http": 80}
_STATUS_FIELDS = {"MessageStatus": "message", "SmsStatus": "message", "CallStatus": "call"}
_ALGORITHMS: dict[bytes, Algorithm] = {b"HMAC_SHA1": "sha1", b"HMAC_SHA256": "sha256"}


class TwilioScheme(Scheme):
    """An event is its signed content: another order of the form's fields, which nothing signs, makes no other event."""

    PASSED_ON: ClassVar[tuple[str, ...]] = ("i-twilio-idempotency-token",)
    USUALLY: ClassVar[str] = (
        "the source's url is not exactly the one that is entered at Twilio, or the secret is not the account's auth "
        "token (an API key's secret does not sign webhooks)"
    )

    def __init__(self, secrets: tuple[str, ...], url: str) -> None:
        keys = [secret.encode() for secret in secrets]
        self._keys = {algorithm: HmacKeys(keys, algorithm, "base64") for algorithm in _ALGORITHMS.values()}
        self._urls = tuple(_with_and_without_port(url))

    def _verify(self, request: WebhookRequest, now: float) -> Verified:  # noqa: ARG002 - Twilio signs no time
        signature = request.need(_HEADER)
        keys = self._keys[_algorithm(request.find(_SETTINGS))]
        fields = _signed_fields(request)
        query = b"?" + request.query if request.query else b""
        refused = RefusedError("bad-signature")
        found = []
        for url in self._urls:
            try:
                found.append(keys.match((url, query, fields), [signature]))
            except RefusedError as error:
                refused = error
        if not found:
            raise refused
        return Verified(found[0])

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Name the event by the hash of what is signed; its type is what has which status: `message.delivered`."""
        try:
            content = _signed_fields(request)
            form = dict(_form(request)) if _is_form(request) else {}
        except RefusedError:
            content, form = request.body, {}
        kind = next((f"{kind}.{form[name]}" for name, kind in _STATUS_FIELDS.items() if form.get(name)), None)
        signed = b"\n".join((request.query, content))
        return ProviderEvent(content_id(signed), type_name(kind), request.text(_TOKEN))

    def sign(self, sample: Sample, now: float) -> SignedSample:  # noqa: ARG002
        """Sign as Twilio does: a form as such, any other body by its hash in the query."""
        headers = {"content-type": sample.content_type}
        request = WebhookRequest(sample.body, [(b"content-type", sample.content_type.encode())])
        query = "" if _is_form(request) else f"bodySHA256={hashlib.sha256(sample.body).hexdigest()}"
        fields = b"".join(_joined(_form(request))) if not query else b""
        parts = (self._urls[0], b"?" + query.encode() if query else b"", fields)
        signature = self._keys["sha1"].signatures(parts)[0].decode()
        headers |= {_HEADER.decode(): signature, _TOKEN.decode(): sample.event_id or str(uuid.uuid4())}
        return SignedSample(headers, query)


def _algorithm(settings: bytes | None) -> Algorithm:
    """Return the algorithm that Twilio names in a header where it signs with a shared key; else its first, SHA-1."""
    for item in (settings or b"").split(b","):
        name, _, value = item.partition(b"=")
        if name.strip() == b"algorithm" and value.strip():
            algorithm = _ALGORITHMS.get(value.strip().upper())
            if algorithm is None:
                raise RefusedError("malformed")
            return algorithm
    return "sha1"


def _is_form(request: WebhookRequest) -> bool:
    return (request.find(b"content-type") or b"").lower().startswith(_FORM)


def _signed_fields(request: WebhookRequest) -> bytes:
    """Return what is signed of the body: its sorted form; nothing of another one, whose hash is in the query.

    Raises:
        RefusedError: the form is malformed, or the hash is missing or another one.
    """
    if _is_form(request):
        return b"".join(_joined(_form(request)))
    if not request.body:
        return b""
    hashes = parse_qs(request.query.decode("latin-1"), max_num_fields=_MAX_FIELDS).get("bodySHA256", [])
    if len(hashes) != 1:
        raise RefusedError("malformed")
    if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), hashes[0].encode("latin-1")):
        raise RefusedError("bad-signature")
    return b""


def _form(request: WebhookRequest) -> list[tuple[str, str]]:
    """Return the fields; each character stands for one byte, so that no encoding is assumed."""
    try:
        return parse_qsl(
            request.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise RefusedError("malformed") from None


def _joined(form: list[tuple[str, str]]) -> Iterator[bytes]:
    for name, value in sorted(set(form)):
        yield (name + value).encode("latin-1")


def _with_and_without_port(url: str) -> Iterator[bytes]:
    """Return the URL in both forms, that without the usual port first: Twilio signs now the one, now the other."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit(":", 1)[0] if parts.port else parts.netloc
    port = parts.port or _USUAL_PORT[parts.scheme]
    yield urlunsplit(parts._replace(netloc=host, fragment="")).encode()
    yield urlunsplit(parts._replace(netloc=f"{host}:{port}", fragment="")).encode()

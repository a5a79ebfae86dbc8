"""Slack: `X-Slack-Signature: v0=…` over `v0:<time>:<body>`."""

from typing import ClassVar
from urllib.parse import parse_qs

from nightshift.webhooks.clock import check_age, parse_seconds
from nightshift.webhooks.event import ProviderEvent, at_pointer, instant, json_object, signed_id, type_name
from nightshift.webhooks.keys import HmacKeys
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import DEFAULT_TOLERANCE_SECONDS, Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified

_HEADER, _TIME = b"x-slack-signature", b"x-slack-request-timestamp"
_PREFIX = b"v0="
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 100


class SlackScheme(Scheme):
    """Events, slash commands and interactive messages of an app, which has one signing secret for all of them."""

    REPEATS = True
    PASSED_ON: ClassVar[tuple[str, ...]] = ("x-slack-retry-num", "x-slack-retry-reason")
    SIGNS_ID: ClassVar[bool] = True
    USUALLY: ClassVar[str] = (
        "the secret is not the app's signing secret (Basic Information, App Credentials), but a token (xoxb-…) or the "
        "client secret; or a proxy changes the body on the way"
    )

    def __init__(self, secrets: tuple[str, ...], tolerance_seconds: float = DEFAULT_TOLERANCE_SECONDS) -> None:
        self._keys = HmacKeys([secret.encode() for secret in secrets])
        self._tolerance_seconds = tolerance_seconds

    def _verify(self, request: WebhookRequest, now: float) -> Verified:
        header, time = request.need(_HEADER), request.need(_TIME)
        if not header.startswith(_PREFIX):
            raise RefusedError("malformed")
        signed_at = parse_seconds(time)
        secret = self._keys.match((b"v0:", time, b":", request.body), [header[len(_PREFIX) :]])
        check_age(signed_at, now, self._tolerance_seconds)
        return Verified(secret, signed_at)

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Read id, type and time from the body: JSON, or a form (slash commands; interactive ones in `payload`)."""
        fields = json_object(request.body)
        if not fields and (request.text(b"content-type") or "").lower().startswith(_FORM):
            return _form_event(request.body)
        inner = at_pointer(fields, "/event/type") if fields.get("type") == "event_callback" else fields.get("type")
        return ProviderEvent(
            id=signed_id(fields.get("event_id"), request.body),
            type=type_name(inner),
            occurred_at=instant(fields.get("event_time")),
        )

    def sign(self, sample: Sample, now: float) -> SignedSample:
        """Sign as Slack does; the body has to contain id and type."""
        time = b"%d" % now
        signature = _PREFIX + self._keys.signatures((b"v0:", time, b":", sample.body))[0]
        headers = {_HEADER.decode(): signature.decode(), _TIME.decode(): time.decode()}
        return SignedSample({"content-type": sample.content_type, **headers})


def challenge_of(body: bytes) -> str | None:
    """Return what a `url_verification` asks to be answered with; None for every other body."""
    fields = json_object(body)
    challenge = fields.get("challenge")
    return challenge if fields.get("type") == "url_verification" and isinstance(challenge, str) else None


def _form_event(body: bytes) -> ProviderEvent:
    try:
        form = parse_qs(body.decode("latin-1"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        form = {}
    payload = json_object(form.get("payload", [""])[0].encode())
    kind = payload.get("type") if payload else ("slash_command" if "command" in form else None)
    return ProviderEvent(signed_id(None, body), type_name(kind))

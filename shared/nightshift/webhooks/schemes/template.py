"""The general scheme: an HMAC over a template of id, time and body, in a header, hexadecimal or base64."""

import re
import secrets as randomness
from collections.abc import Iterator
from dataclasses import dataclass

from nightshift.webhooks.clock import check_age, parse_seconds
from nightshift.webhooks.event import ProviderEvent
from nightshift.webhooks.keys import Algorithm, Encoding, HmacKeys
from nightshift.webhooks.naming import Naming
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import DEFAULT_TOLERANCE_SECONDS, Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import RefusedError, Verified

_BETWEEN_ITEMS = re.compile(rb"[,;\s]+")
_PLACEHOLDER = re.compile(r"\{([a-z]*)\}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a provider puts what: names of headers in lower case."""

    header: str
    """The header of the signatures, separated by commas, semicolons or spaces."""
    prefix: str = ""
    """What each signature begins with, such as `sha256=`; what begins otherwise is ignored."""
    template: str = "{body}"
    """What is signed: `{body}`, and perhaps `{timestamp}` and `{id}`."""
    encoding: Encoding = "hex"
    algorithm: Algorithm = "sha256"
    timestamp_header: str | None = None
    timestamp_prefix: str | None = None
    """Instead of a header of its own: an item of the signature's header that begins so, such as `t=`."""
    id_header: str | None = None

    def problem(self) -> str | None:
        """Say what does not fit together; None when all does."""
        names = _PLACEHOLDER.findall(self.template)
        if names.count("body") != 1 or len(names) != len(set(names)) or set(names) - {"body", "timestamp", "id"}:
            return "template: expected {body} once, and perhaps {timestamp} and {id}"
        if ("timestamp" in names) != bool(self.timestamp_header or self.timestamp_prefix):
            return "template: {timestamp} and timestamp_header or timestamp_prefix belong together"
        if self.timestamp_header and self.timestamp_prefix:
            return "timestamp_prefix: keep either this or timestamp_header"
        if ("id" in names) != bool(self.id_header):
            return "template: {id} and id_header belong together"
        return None


class TemplateScheme(Scheme):
    """For every provider whose signature is an HMAC that a template describes."""

    def __init__(
        self,
        secrets: tuple[str, ...],
        layout: Layout,
        naming: Naming = Naming(),  # noqa: B008 - immutable
        tolerance_seconds: float = DEFAULT_TOLERANCE_SECONDS,
    ) -> None:
        """Use a layout.

        Raises:
            ValueError: it does not fit together.
        """
        if problem := layout.problem():
            raise ValueError(problem)
        self._keys = HmacKeys([secret.encode() for secret in secrets], layout.algorithm, layout.encoding)
        self._layout, self._naming, self._tolerance_seconds = layout, naming, tolerance_seconds
        self._pieces = re.split(r"(\{[a-z]+\})", layout.template)

    def _verify(self, request: WebhookRequest, now: float) -> Verified:
        layout = self._layout
        items = [item for item in _BETWEEN_ITEMS.split(request.need(layout.header.encode())) if item]
        time = self._time(request, items)
        signed_at = None if time is None else parse_seconds(time)
        message_id = request.need(layout.id_header.encode()) if layout.id_header else b""
        prefix = layout.prefix.encode()
        candidates = [item[len(prefix) :] for item in items if item.startswith(prefix)]
        secret = self._keys.match(self._parts(request.body, time or b"", message_id), candidates)
        if signed_at is not None:
            check_age(signed_at, now, self._tolerance_seconds)
        return Verified(secret, signed_at)

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Name the event by the signed header if there is one, else by what the source's pointers name."""
        return self._naming.event(request, self._layout.id_header)

    def sign(self, sample: Sample, now: float) -> SignedSample:
        """Sign as the template says."""
        layout, time = self._layout, b"%d" % now
        message_id = sample.event_id or f"msg_{randomness.token_hex(12)}"
        signature = self._keys.signatures(self._parts(sample.body, time, message_id.encode()))[0].decode()
        header = layout.prefix + signature
        if layout.timestamp_prefix:
            header = f"{layout.timestamp_prefix}{time.decode()},{header}"
        headers = {"content-type": sample.content_type, layout.header: header}
        if layout.timestamp_header:
            headers[layout.timestamp_header] = time.decode()
        if layout.id_header:
            headers[layout.id_header] = message_id
        return SignedSample(headers | self._naming.headers(sample))

    def _time(self, request: WebhookRequest, items: list[bytes]) -> bytes | None:
        if self._layout.timestamp_header:
            return request.need(self._layout.timestamp_header.encode())
        if self._layout.timestamp_prefix is None:
            return None
        prefix = self._layout.timestamp_prefix.encode()
        times = [item[len(prefix) :] for item in items if item.startswith(prefix)]
        if len(times) != 1:
            raise RefusedError("malformed")
        return times[0]

    def _parts(self, body: bytes, time: bytes, message_id: bytes) -> Iterator[bytes]:
        values = {"{body}": body, "{timestamp}": time, "{id}": message_id}
        for piece in self._pieces:
            yield values.get(piece, piece.encode())

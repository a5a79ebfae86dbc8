"""Where a provider that we do not know by name puts an event's id, type and time."""

from dataclasses import dataclass

from nightshift.webhooks.event import ProviderEvent, at_pointer, instant, json_object, signed_id, type_name
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample

ONLY_TYPE = "event"
"""The type of every event of a source that does not say where types are."""


@dataclass(frozen=True, slots=True)
class Naming:
    """JSON pointers into the body (RFC 6901), or the name of a header; None where the provider says nothing."""

    id: str | None = None
    type: str | None = None
    type_header: str | None = None
    occurred_at: str | None = None
    delivery_header: str | None = None

    def event(self, request: WebhookRequest, id_header: str | None) -> ProviderEvent:
        """Return what a request says of itself; `id_header` is a header that the signature covers."""
        fields = json_object(request.body) if self.id or self.type or self.occurred_at else {}
        in_header = request.text(id_header.encode()) if id_header else None
        kind: object = ONLY_TYPE
        if self.type_header:
            kind = request.text(self.type_header.encode())
        elif self.type:
            kind = at_pointer(fields, self.type)
        return ProviderEvent(
            id=signed_id(in_header or (at_pointer(fields, self.id) if self.id else None), request.body),
            type=type_name(kind),
            delivery_id=request.text(self.delivery_header.encode()) if self.delivery_header else None,
            occurred_at=instant(at_pointer(fields, self.occurred_at)) if self.occurred_at else None,
        )

    def headers(self, sample: Sample) -> dict[str, str]:
        """Return the headers that name a sample."""
        return {self.type_header: sample.event_type} if self.type_header and sample.event_type else {}

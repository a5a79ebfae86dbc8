"""A source: one provider's endpoint, with its scheme, limits, and the events that are wanted of it."""

import re
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from nightshift.webhooks.event import ProviderEvent, content_id
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Scheme

_NEVER_PASSED_ON = re.compile(r"authorization|cookie|signature|hmac|token\Z|secret")


@dataclass(frozen=True)
class Source:
    """What `POST /webhooks/<name>` takes."""

    name: str
    kind: str
    """The scheme's name in the file of sources: `stripe`, `standard`, …"""
    scheme: Scheme = field(repr=False)
    max_body_bytes: int
    events: tuple[str, ...] = ()
    """Patterns of the event types that are wanted, `*` for any text; without any, all are."""
    headers: tuple[str, ...] = ()
    """Headers that are passed on to the handler, by their names in lower case."""
    events_per_second: float | None = None
    """More are turned away with 429, which only a provider is told that sends them again; None for all."""
    by_body: bool = False
    """Whether the hash of the body is an event's identity although the provider signs an id."""

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Return what a verified request says of itself. No request makes it raise an exception."""
        event = self.scheme.event(request)
        return msgspec.structs.replace(event, id=content_id(request.body)) if self.by_body else event

    def wants(self, event_type: str) -> bool:
        """Return whether an event of this type is to be worked off."""
        return self._wanted is None or self._wanted.fullmatch(event_type) is not None

    def passed_on(self, request: WebhookRequest) -> dict[str, str]:
        """Return the headers for the handler; those that are no plain text are left out."""
        return {name: value for name in self.headers if (value := request.text(name.encode())) is not None}

    @cached_property
    def _wanted(self) -> re.Pattern[str] | None:
        if not self.events:
            return None
        return re.compile("|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in self.events))


def may_be_passed_on(header: str) -> bool:
    """Return whether a header may reach a handler: no signature, password or cookie may."""
    return _NEVER_PASSED_ON.search(header) is None

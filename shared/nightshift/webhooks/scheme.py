"""A scheme: how one kind of provider signs, names its events, and how we sign a sample as it does."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from nightshift.webhooks.event import ProviderEvent
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.verdict import RefusedError, Verdict, Verified

DEFAULT_TOLERANCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What is to be sent as if the provider sent it."""

    body: bytes
    content_type: str = "application/json"
    event_type: str | None = None
    """For providers that name it in a header (GitHub, Shopify); the others have it in the body."""
    event_id: str | None = None
    """For providers that name it in a header."""


@dataclass(frozen=True, slots=True)
class SignedSample:
    """The headers, with names in lower case, and the query (without its question mark) to send a sample with."""

    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""


class Scheme(ABC):
    """Verifies, names and signs for one source; knows its secrets. Safe to use from several threads."""

    PASSED_ON: ClassVar[tuple[str, ...]] = ()
    """Headers, by their names in lower case, that a handler may want to see; never a signature."""
    MAX_BODY_BYTES: ClassVar[int] = 1_000_000
    SIGNS_ID: ClassVar[bool] = False
    """Whether an event's id is covered by the signature; if not, the hash of what is covered is its identity."""
    REPEATS: ClassVar[bool] = False
    """Whether the provider sends again, some time later, what was answered with 429."""
    USUALLY: ClassVar[str] = "the secret belongs to another endpoint, or a proxy changes the body on the way"
    """What is usually wrong when every request is refused."""

    def verify(self, request: WebhookRequest, now: float) -> Verdict:
        """Judge a request at a time (Unix seconds). No input makes it raise an exception."""
        try:
            return self._verify(request, now)
        except RefusedError as refused:
            return refused.verdict

    @abstractmethod
    def _verify(self, request: WebhookRequest, now: float) -> Verified:
        """Return the verdict of a good request.

        Raises:
            RefusedError: it proves nothing.
        """

    @abstractmethod
    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Return what a verified request says of itself. No body makes it raise an exception."""

    @abstractmethod
    def sign(self, sample: Sample, now: float) -> SignedSample:
        """Sign a sample with the source's first secret, as the provider would at a time (Unix seconds).

        Raises:
            ValueError: the source has no secret that signs.
        """

"""The intake of a webhook: limit, read, verify, identify, allow, publish, answer; each step a small function."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from nightshift.broker.message import OutboundMessage
from nightshift.gateway.body import read_body
from nightshift.gateway.intake import Accepted, Intake
from nightshift.gateway.operation import Call
from nightshift.gateway.problems import Problem
from nightshift.gateway.room import SMALL_BYTES, Room
from nightshift.gateway.webhooks.answers import challenge_answer, receipt
from nightshift.gateway.webhooks.message import encode_event
from nightshift.gateway.webhooks.metrics import Outcome, WebhookMetrics
from nightshift.gateway.webhooks.refusals import Refusals
from nightshift.gateway.webhooks.registry import SourceRegistry
from nightshift.gateway.webhooks.shares import Shares
from nightshift.gateway.webhooks.standing import Standing
from nightshift.http.client_address import AddressOf
from nightshift.instants import utc_now
from nightshift.messaging import outbound
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.webhooks.event import UNKNOWN, ProviderEvent
from nightshift.webhooks.received import WebhookReceived, job_id_of
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.source import Source
from nightshift.webhooks.verdict import Refused, Verdict

GOOD_BYTES = 96 * 1024 * 1024
BAD_BYTES = 40 * 1024 * 1024
"""Memory for the bodies of addresses of good and of bad standing: forgers cannot use up what is for others.

Each has room for the longest body that a source may allow.
"""
ONE_SOURCES_BYTES = GOOD_BYTES // 2
READ_SECONDS = 5.0
STORE_SECONDS = 2.3
"""For an event to be stored, its wait for others of its source included, so that the answer comes within 2.5 s."""
CLAIM_SECONDS = 0.4
"""For a large body to get to the object store, so that the answer comes within 2.5 s: Slack waits for three."""
RETRY_SECONDS = 30
_PROBLEM_OUTCOMES: dict[str, Outcome] = {
    "too-large": "too-large",
    "busy": "busy",
    "timeout": "slow",
    "too-many-requests": "limited",
}
_NOT_OF_THE_BODY = frozenset({"no-header", "malformed"})
_log = get_logger("webhooks")
_CREDENTIALS = {"WWW-Authenticate": "Signature"}


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One request while it is worked on."""

    source: Source
    request: Request
    call: Call
    address: str


class WebhookIntake:
    """Answers `POST /webhooks/{source}`."""

    def __init__(
        self,
        registry: SourceRegistry,
        intake: Intake,
        metrics: WebhookMetrics,
        address_of: AddressOf,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._registry, self._intake, self._metrics, self._address_of = registry, intake, metrics, address_of
        self._now = now
        self._refusals, self._standing = Refusals(time.monotonic), Standing(time.monotonic)
        self._shares, self._bad = Shares(Room(GOOD_BYTES), ONE_SOURCES_BYTES), Room(BAD_BYTES)

    async def receive(self, call: Call) -> Response:
        """Answer one request.

        Raises:
            Problem: the source is unknown or sends too much, the request is too large, too slow or not verified, or
                nothing can store it.
        """
        source = self._registry.find(call.path["source"])
        if source is None:
            raise Problem("not-found", "There is no such source of webhooks.")
        delivery = _Delivery(source, call.request, call, self._address_of(call.request))
        try:
            return await self._received(delivery)
        except Problem as problem:
            if outcome := _PROBLEM_OUTCOMES.get(problem.code):
                self._metrics.ended(source.name, outcome)
            raise

    async def _received(self, delivery: _Delivery) -> Response:
        source = delivery.source
        size = _size(delivery.request, source.max_body_bytes)
        if size > SMALL_BYTES:  # what is no signature at all is refused before its body is read
            early = source.scheme.verify(_request(delivery.request, b""), self._now().timestamp())
            if isinstance(early, Refused) and early.reason in _NOT_OF_THE_BODY:
                raise self._refuse(delivery, early)
        async with self._room(delivery, size):
            request = _request(delivery.request, await _read(delivery.request, source.max_body_bytes))
            verdict = await self._verify(source, request)
            if isinstance(verdict, Refused):
                raise self._refuse(delivery, verdict)
            self._metrics.matched(source.name, verdict.secret)
            self._refusals.accepted(source)
            self._standing.verified(delivery.address)
            return await self._verified(delivery, request)

    def _room(self, delivery: _Delivery, size: int) -> AbstractAsyncContextManager[None]:
        """Return what holds the memory for a body; a small one, as most are, needs none."""
        if size <= SMALL_BYTES:
            return nullcontext()
        is_bad = self._standing.is_bad(delivery.address)
        return self._bad.reserve(size) if is_bad else self._shares.room(delivery.source, size)

    async def _verify(self, source: Source, request: WebhookRequest) -> Verdict:
        now = self._now().timestamp()
        if len(request.body) <= SMALL_BYTES:
            return source.scheme.verify(request, now)
        return await asyncio.to_thread(source.scheme.verify, request, now)

    async def _verified(self, delivery: _Delivery, request: WebhookRequest) -> Response:
        """Answer a request whose sender is known: whatever it says, it is not told that it is wrong."""
        source = delivery.source
        answer = challenge_answer(source, request.body)
        if answer is not None:
            self._metrics.ended(source.name, "ignored")
            return answer
        event = source.event(request)
        if not _is_wanted(source, event):
            self._metrics.ended(source.name, "ignored")
            return receipt(source, ignored=True)
        self._shares.count(source)
        return await self._accept(delivery, request, event)

    async def _accept(self, delivery: _Delivery, request: WebhookRequest, event: ProviderEvent) -> Response:
        source, now = delivery.source, self._now()
        if len(request.body) <= SMALL_BYTES:
            body = encode_event(source, event, request, now)
        else:
            body = await asyncio.to_thread(encode_event, source, event, request, now)
        message = outbound.job(WebhookReceived.TYPE, job_id_of(source.name, event.id), body, delivery.call.trace)
        try:
            accepted = await self._store(source, message)
        except Unavailable as away:
            self._metrics.ended(source.name, "unavailable")
            _log.error("webhook_not_accepted", f"Nothing could store a webhook: {away}", source=source.name)
            raise Problem("unavailable", "Nothing was stored.", retry_after=RETRY_SECONDS) from None
        self._metrics.ended(source.name, _outcome(accepted))
        return receipt(source, duplicate=not accepted.is_new)

    async def _store(self, source: Source, message: OutboundMessage) -> Accepted:
        """Store an event when it is its turn among those of its source.

        Raises:
            Unavailable: nothing took it in time.
        """
        try:
            async with asyncio.timeout(STORE_SECONDS), self._shares.turn(source):
                return await self._intake.accept(message, outbox_when_refused=True, claim_seconds=CLAIM_SECONDS)
        except TimeoutError:
            raise Unavailable("database", f"not stored within {STORE_SECONDS:g} s") from None

    def _refuse(self, delivery: _Delivery, refused: Refused) -> Problem:
        source = delivery.source
        self._metrics.ended(source.name, "refused")
        self._metrics.refused(source.name, refused.reason)
        self._refusals.refused(source, refused, delivery.call.request_id)
        self._standing.refused(delivery.address)
        return Problem("invalid-signature", headers=_CREDENTIALS)


def _outcome(accepted: Accepted) -> Outcome:
    if not accepted.is_new:
        return "duplicate"
    return "outbox" if accepted.stored is None else "accepted"


def _is_wanted(source: Source, event: ProviderEvent) -> bool:
    """Return whether an event is to be worked off. What has no type is: nobody else would ever hear of it."""
    if source.kind == "github" and event.type == "ping":
        return False
    return event.type == UNKNOWN or source.wants(event.type)


def _request(request: Request, body: bytes) -> WebhookRequest:
    return WebhookRequest(body, request.scope["headers"], request.scope["query_string"])


def _size(request: Request, limit: int) -> int:
    """Return how long the body will be: as announced, else as long as it may be."""
    length = request.headers.get("content-length")
    return min(int(length), limit) if length is not None else limit


async def _read(request: Request, limit: int) -> bytes:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await read_body(request, limit)
    except TimeoutError:
        raise Problem("timeout", f"The body did not come within {READ_SECONDS:g} s.") from None

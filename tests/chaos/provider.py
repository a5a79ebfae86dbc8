"""A provider that posts signed events to a gateway under faults, and its ledger of the answers."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from nightshift.webhooks.scheme import Sample
from nightshift.webhooks.source import Source

LONGEST_SECONDS = 2.5
"""Within this an event is answered, whatever is away."""
CALM, GATEWAY_STRUCK, BOTH_AWAY = "calm", "gateway struck", "broker and database away"
"""Times in which an answer may be missing, or may be 503; every other one has a name of its own."""
_REPEATED_EVERY = 3
_PAUSE_SECONDS = 0.15
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """One request: what time it was when it began and ended, and its status, None for none."""

    event: str
    times: frozenset[str]
    status: int | None
    seconds: float


@dataclass
class Provider:
    """Posts events until it is stopped. Whatever the answer is, it never sends an event again for its sake."""

    source: Source
    url: str
    now: str = CALM
    ledger: list[Answer] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def post(self, stop: asyncio.Event) -> None:
        """Post one event after the other; some come twice, as they do."""
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, trust_env=False) as client:
            while not stop.is_set():
                number = next(self._numbers)
                for _ in range(2 if number % _REPEATED_EVERY == 0 else 1):
                    self.ledger.append(await self._posted(client, f"{number}"))
                    await asyncio.sleep(_PAUSE_SECONDS)

    async def _posted(self, client: httpx.AsyncClient, event: str) -> Answer:
        body = _checkout(event)
        signed = self.source.scheme.sign(Sample(body), time.time())
        before, began = self.now, time.monotonic()
        try:
            response = await client.post(
                f"{self.url}/webhooks/{self.source.name}", content=body, headers=signed.headers
            )
        except httpx.TransportError:
            status = None
        else:
            status = response.status_code
        return Answer(event, frozenset({before, self.now}), status, time.monotonic() - began)

    def accepted(self) -> set[str]:
        """Return the events that were answered with 200."""
        return {answer.event for answer in self.ledger if answer.status == httpx.codes.OK}


def breaches(
    ledger: Sequence[Answer], outcomes: Mapping[str, str], mails: Mapping[str, int], left: Mapping[str, int]
) -> list[str]:
    """Return every broken promise in a sentence; none is good.

    `outcomes` are those of the events' rows, `mails` how many came for each event, `left` what still waits where.
    """
    return [
        *(_of_answer(answer) or "" for answer in ledger if _of_answer(answer)),
        *_of_events(ledger, outcomes, mails),
        *(f"{count} left in {place}" for place, count in left.items() if count),
    ]


def figures(ledger: Sequence[Answer]) -> str:
    """Return what a run looked like, in a line."""
    counts = Counter(answer.status for answer in ledger)
    slowest = max(answer.seconds for answer in ledger)
    return f"{dict(counts)} answers (None: no answer), the slowest after {slowest:.2f} s"


def _of_answer(answer: Answer) -> str | None:
    """Return what is wrong with an answer."""
    what = f"event {answer.event}, {' and '.join(sorted(answer.times))}:"
    if answer.status is None:
        return None if GATEWAY_STRUCK in answer.times else f"{what} no answer"
    if answer.seconds > LONGEST_SECONDS:
        return f"{what} answered after {answer.seconds:.2f} s"
    if answer.status == httpx.codes.OK or (answer.status == httpx.codes.SERVICE_UNAVAILABLE and _may_fail(answer)):
        return None
    return f"{what} answered {answer.status}"


def _may_fail(answer: Answer) -> bool:
    return BOTH_AWAY in answer.times


def _of_events(ledger: Sequence[Answer], outcomes: Mapping[str, str], mails: Mapping[str, int]) -> Iterator[str]:
    for event in sorted({answer.event for answer in ledger if answer.status == httpx.codes.OK}):
        if event not in outcomes:
            yield f"event {event} was answered with 200 and is lost"
        elif outcomes[event] != "done":
            yield f"event {event} is {outcomes[event]}"
        elif not mails.get(event):
            yield f"event {event} has no mail"
    yield from (f"event {event} has {count} mails" for event, count in mails.items() if count > 1)
    yield from (f"event {event} has a mail and no row" for event in mails if event not in outcomes)


def _checkout(event: str) -> bytes:
    session = {"id": f"cs_{event}", "object": "checkout.session", "customer_details": {"email": mail_to(event)}}
    fields = {"id": f"evt_{event}", "object": "event", "type": "checkout.session.completed", "created": 1_795_771_798}
    return json.dumps({**fields, "data": {"object": session}}).encode()


def mail_to(event: str) -> str:
    """Return the address that the mail of an event goes to."""
    return f"event-{event}@example.com"

"""Redrive dead letters: publish each again as the job that it was, then delete it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import manage
from nightshift.broker.message import OutboundMessage
from nightshift.cli.queries.dead_letters import Letter, Place
from nightshift.cli.terminal.exit_codes import REFUSED, CommandError
from nightshift.contract import wire
from nightshift.messaging import claim_check, outbound
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore
from nightshift.topology.topology import DEAD_LETTER_AGE, dead_letter_stream
from nightshift.worker import rescheduling
from nightshift.worker.in_flight import job_of

_NO_MESSAGE = frozenset({10037, 10057})


def copy_of(letter: Letter, body: bytes | None = None) -> OutboundMessage:
    """Return the job again: same id, attempts counted from the start, without broker headers and dead-letter headers.

    An edited body replaces the old one, and its claim check.
    """
    message = letter.message
    kept = outbound.strip_broker_headers(message.headers)
    headers = {name: value for name, value in kept.items() if not name.lower().startswith(wire.DEAD_PREFIX.lower())}
    headers.pop(wire.ATTEMPT_BASE, None)
    if body is not None:
        headers.pop(wire.CLAIM, None)
    own = {wire.JOB_ID: job_of(letter.service, message).id, wire.MSG_ID: f"redrive:{message.origin()}"}
    return OutboundMessage(wire.job_subject(letter.type), {**headers, **own}, message.body if body is None else body)


async def remove(connection: Connection, place: Place) -> bool:
    """Delete a dead letter; return False if it is gone already."""
    stream = dead_letter_stream(place.service)
    try:
        await manage(connection, f"STREAM.MSG.DELETE.{stream}", {"seq": place.sequence, "no_erase": True})
    except BrokerRefusedError as refused:
        if refused.code not in _NO_MESSAGE:
            raise
        return False
    return True


async def remove_up_to(connection: Connection, service: str, sequence: int) -> int:
    """Delete all dead letters of a service up to the one with this sequence; return how many."""
    answer = await manage(connection, f"STREAM.PURGE.{dead_letter_stream(service)}", {"seq": sequence + 1})
    return int(answer.get("purged", 0))


class BodyExpiresError(CommandError):
    """A body went by claim check and is not kept for long enough, and this process cannot store it anew."""

    def __init__(self, letter: Letter, until: date) -> None:
        super().__init__(
            f"{letter.ref} was not redriven: its body is in the object store until {until} only, which a job that "
            f"fails again may outlive, and only who reaches the object store can keep it longer (S3_ENDPOINT, "
            f"S3_ACCESS_KEY, S3_SECRET_KEY)",
            REFUSED,
        )


class Redrive:
    """Redrives letters at a limited rate, with one in memory at a time.

    Nothing is lost if it is stopped halfway. At worst a job is published twice: the broker drops the second, or the
    inbox finds that it is done.
    """

    def __init__(
        self, connection: Connection, publisher: Publisher, objects: ObjectStore | None, *, per_second: float = 0
    ) -> None:
        self._connection, self._publisher, self._objects = connection, publisher, objects
        self._pause_seconds = 1 / per_second if per_second else 0.0
        self.done = 0

    async def all_of(self, letters: AsyncIterator[Letter], body: bytes | None, tell: Callable[[int], None]) -> None:
        """Redrive them one after the other.

        Raises:
            BrokerRefusedError, Unavailable: the broker takes no more; `done` counts those redriven, the others stay.
            BodyExpiresError: a body went by claim check and cannot be kept for long enough.
        """
        async for letter in letters:
            await self.one(letter, body)
            self.done += 1
            tell(self.done)
            if self._pause_seconds:
                await asyncio.sleep(self._pause_seconds)

    async def one(self, letter: Letter, body: bytes | None = None) -> None:
        """Redrive one; raises what `all_of` does."""
        now = datetime.now(UTC)
        copy = copy_of(letter, body)
        if self._objects is not None:
            copy = await rescheduling.renew_claim(self._objects, copy, now)
        elif (until := _claimed_until(copy)) and until < (now + DEAD_LETTER_AGE).date():
            raise BodyExpiresError(letter, until)
        copy = await self._publisher.claimed(copy, now)
        await self._publisher.store(copy)
        await remove(self._connection, letter.place)


def _claimed_until(copy: OutboundMessage) -> date | None:
    """Return the day until which the body of a claim is kept; None without a claim, or of one that is broken."""
    try:
        return claim_check.kept_until(copy.headers[wire.CLAIM]) if wire.CLAIM in copy.headers else None
    except InvalidClaimError:
        return None

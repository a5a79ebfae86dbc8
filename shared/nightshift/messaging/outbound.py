"""A message ready to be stored by the broker: subject, headers, body."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from nightshift.broker.message import SCHEDULE, SCHEDULE_TARGET, OutboundMessage, header_bytes
from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.instants import rfc3339
from nightshift.messaging import claim_check
from nightshift.objects import ObjectStore

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2261, 12, 31, tzinfo=UTC)
"""The broker counts nanoseconds from 1970 in 64 bits: beyond, a late schedule fires at once and an early one never."""
_MAX_CARRIED = 48 * 1024
"""Bytes of a producer's own headers that a copy has room for: the broker takes 64 KB in all (10097)."""
_OURS = frozenset({wire.JOB_ID, wire.ATTEMPT_BASE, wire.CLAIM, wire.TENANT, wire.TRACEPARENT})
_MAX_HEADER_BYTES = wire.MAX_MESSAGE_BYTES - wire.MAX_INLINE_BYTES - 1024
"""Leaves room for an inline body, and for what a copy adds."""


class JobTooLargeError(ValueError):
    """The job cannot be sent: body and headers exceed what a queue takes."""


def encode(message: Message) -> bytes:
    """The JSON body of a message, checked against its own contract.

    Raises:
        msgspec.ValidationError: a field that was set in Python breaks a constraint of the contract; says which.
    """
    body = msgspec.json.encode(message)
    msgspec.json.decode(body, type=type(message))
    return body


def job(job_type: str, job_id: str, body: bytes, headers: Mapping[str, str]) -> OutboundMessage:
    """A job to do now. The broker drops a second one with the same type and id inside its window."""
    own = {wire.JOB_ID: job_id, wire.MSG_ID: f"{job_type}/{job_id}"}
    return OutboundMessage(wire.job_subject(job_type), {**headers, **own}, body)


def scheduled(job_type: str, job_id: str, body: bytes, headers: Mapping[str, str], at: datetime) -> OutboundMessage:
    """A job to do at a time: the subject is its identity, so that publishing it again replaces it."""
    own = {wire.JOB_ID: job_id, SCHEDULE: schedule_at(at), SCHEDULE_TARGET: wire.due_subject(job_type)}
    return OutboundMessage(wire.later_subject(job_type, job_id), {**headers, **own}, body)


def with_tenant(headers: Mapping[str, str], tenant: str | None) -> Mapping[str, str]:
    """The headers of a job of this tenant; as they are if it is nobody's."""
    return headers if tenant is None else {**headers, wire.TENANT: tenant}


def due(now: datetime, delay: timedelta) -> datetime:
    """The instant after a delay of any length, or the nearest that the broker can count."""
    try:
        at = now + delay
    except OverflowError:
        at = LATEST if delay > timedelta() else EARLIEST
    return min(max(at, EARLIEST), LATEST)


def schedule_at(at: datetime) -> str:
    """The value of `Nats-Schedule` for one instant (ADR-51), or for the nearest that the broker can count."""
    at = min(max(at, EARLIEST), LATEST)
    return "@at " + rfc3339(at, "microseconds")


def strip_broker_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a copy of a message carries along: all but those that are orders to the broker.

    Where they are so long that a copy's own would not fit beside them, only those that mean something to a worker.
    """
    kept = {name: value for name, value in headers.items() if not name.lower().startswith(wire.BROKER_PREFIX)}
    if header_bytes(kept) > _MAX_CARRIED:
        return {name: value for name, value in kept.items() if name in _OURS}
    return kept


def check(message: OutboundMessage) -> None:
    """Finds out before anything depends on it that a message could never be sent.

    Raises:
        JobTooLargeError: its body is too long even for a claim check, or its headers are.
    """
    body = len(message.body)
    headers = message.size() - body
    if body > claim_check.MAX_CLAIM_BYTES:
        raise JobTooLargeError(f"{message.subject}: a body of {body} bytes; the limit is {claim_check.MAX_CLAIM_BYTES}")
    if headers > _MAX_HEADER_BYTES:
        raise JobTooLargeError(f"{message.subject}: {headers} bytes of headers; the limit is {_MAX_HEADER_BYTES}")


async def offload_body(objects: ObjectStore | None, outgoing: OutboundMessage, runs_at: datetime) -> OutboundMessage:
    """The same message with its body as a claim check, when it is too long to travel.

    Raises:
        JobTooLargeError: no object store is at hand, or the headers alone are too long.
    """
    if len(outgoing.body) > wire.MAX_INLINE_BYTES:
        if objects is None:
            raise JobTooLargeError(
                f"{outgoing.subject}: the body has {len(outgoing.body)} bytes; over {wire.MAX_INLINE_BYTES} it needs "
                "an object store (claim check): give the publisher one, or send a reference instead"
            )
        key = await claim_check.put(objects, outgoing.body, runs_at)
        outgoing = OutboundMessage(outgoing.subject, {**outgoing.headers, wire.CLAIM: key}, b"")
    if outgoing.size() > wire.MAX_MESSAGE_BYTES:
        raise JobTooLargeError(
            f"{outgoing.subject}: {outgoing.size()} bytes with headers; the limit is {wire.MAX_MESSAGE_BYTES}"
        )
    return outgoing

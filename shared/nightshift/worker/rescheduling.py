"""Copies of a delivery that outlive it: again later, and dead letters."""

import re
from datetime import datetime

from nightshift.broker.delivery import Delivery
from nightshift.broker.message import OutboundMessage
from nightshift.config.redaction import single_line
from nightshift.contract import wire
from nightshift.instants import rfc3339
from nightshift.messaging import claim_check, outbound
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.worker.verdict import DeadLetter, Reschedule

_COUNT = re.compile(r"\d{1,6}")


def reschedule(delivery: Delivery, job: Job, verdict: Reschedule, now: datetime) -> OutboundMessage:
    """The copy that waits on `later.` for its next run; its id keeps one delivery from being copied twice."""
    headers = _carried(delivery, job)
    headers[wire.ATTEMPT_BASE] = str(verdict.base)
    copy = outbound.scheduled(job.type, job.id, delivery.body, headers, outbound.due(now, verdict.delay))
    copy.headers[wire.MSG_ID] = f"again:{delivery.origin()}"
    return copy


def dead_letter(delivery: Delivery, job: Job, verdict: DeadLetter, now: datetime) -> OutboundMessage:
    """The dead letter: the body as it came, and why it was given up on."""
    headers = _carried(delivery, job)
    headers |= {
        wire.JOB_ID: job.id,
        wire.MSG_ID: f"dead:{delivery.origin()}",
        wire.DEAD_REASON: verdict.reason,
        wire.DEAD_ERROR: single_line(verdict.error),
        wire.DEAD_ATTEMPTS: str(verdict.attempts),
        wire.DEAD_SUBJECT: single_line(delivery.subject),
        wire.DEAD_STREAM: delivery.stream,
        wire.DEAD_SEQUENCE: str(delivery.sequence),
        wire.DEAD_TIME: rfc3339(now, "milliseconds"),
    }
    return OutboundMessage(wire.dead_subject(job.type), headers, delivery.body)


def _carried(delivery: Delivery, job: Job) -> dict[str, str]:
    """The headers that go along. The sender's trace stays, so that all attempts stand beside each other in it."""
    return {**job.trace, **outbound.strip_broker_headers(delivery.headers)}


def with_dead_mark(copy: OutboundMessage, verdict: DeadLetter) -> OutboundMessage:
    """The copy for later of a job whose dead letter could not be stored: its next delivery goes straight there."""
    mark = {
        wire.DEAD_REASON: verdict.reason,
        wire.DEAD_ERROR: single_line(verdict.error),
        wire.DEAD_ATTEMPTS: str(verdict.attempts),
    }
    return OutboundMessage(copy.subject, {**copy.headers, **mark}, copy.body)


def dead_mark(delivery: Delivery) -> DeadLetter | None:
    """The verdict that an earlier delivery could not carry out, if there is one.

    Only what comes by way of `later.` can carry it: a dead letter that somebody publishes again by hand is a job.
    """
    if not delivery.subject.startswith(wire.DUE):
        return None
    reason = delivery.headers.get(wire.DEAD_REASON)
    if reason not in wire.REASONS:
        return None
    attempts = delivery.headers.get(wire.DEAD_ATTEMPTS, "0")
    error = delivery.headers.get(wire.DEAD_ERROR, "")
    return DeadLetter(reason, error, int(attempts) if _COUNT.fullmatch(attempts) else 0)


async def renew_claim(objects: ObjectStore, copy: OutboundMessage, runs_at: datetime) -> OutboundMessage:
    """The same copy, its claim check kept for long enough; a claim that is broken stays as it is, for its reader."""
    claim = copy.headers.get(wire.CLAIM)
    if claim is None:
        return copy
    try:
        return OutboundMessage(
            copy.subject, {**copy.headers, wire.CLAIM: await claim_check.renew(objects, claim, runs_at)}, copy.body
        )
    except InvalidClaimError:
        return copy

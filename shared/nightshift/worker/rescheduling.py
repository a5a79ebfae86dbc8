"""Copies of a delivery that outlive it: again later, and dead letters."""

import re
from datetime import datetime

from nightshift.broker.message import OutboundMessage, StoredMessage
from nightshift.config.redaction import single_line
from nightshift.contract import wire
from nightshift.instants import rfc3339
from nightshift.messaging import claim_check, outbound
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.worker.verdict import DeadLetter, Reschedule

_COUNT = re.compile(r"\d{1,6}")


def reschedule(message: StoredMessage, job: Job, verdict: Reschedule, now: datetime) -> OutboundMessage:
    """The copy that waits on `later.` for its next run; its id keeps one delivery from being copied twice."""
    headers = _carried(message, job)
    headers[wire.ATTEMPT_BASE] = str(verdict.base)
    copy = outbound.scheduled(
        job.type, job.published_id or job.id, message.body, headers, outbound.due(now, verdict.delay)
    )
    copy.headers[wire.MSG_ID] = f"again:{message.origin()}"
    return copy


def dead_letter(message: StoredMessage, job: Job, verdict: DeadLetter, now: datetime) -> OutboundMessage:
    """The dead letter: the body as it came, and why it was given up on."""
    headers = _carried(message, job)
    headers.pop(wire.ATTEMPT_BASE, None)  # published again as it is, it has all its attempts
    headers |= {
        wire.JOB_ID: job.published_id or job.id,
        wire.MSG_ID: f"dead:{message.origin()}",
        wire.DEAD_REASON: verdict.reason,
        wire.DEAD_ERROR: single_line(verdict.error),
        wire.DEAD_ATTEMPTS: str(verdict.attempts),
        wire.DEAD_SUBJECT: single_line(_subject_to_publish_on(message.subject)),
        wire.DEAD_STREAM: message.stream,
        wire.DEAD_SEQUENCE: str(message.sequence),
        wire.DEAD_TIME: rfc3339(now, "milliseconds"),
    }
    return OutboundMessage(wire.dead_subject(job.type), headers, message.body)


def _subject_to_publish_on(subject: str) -> str:
    """Return where a producer may publish the job again: nobody outside may say that it is due."""
    return wire.job_subject(wire.type_of(subject)) if subject.startswith(wire.DUE) else subject


def _carried(message: StoredMessage, job: Job) -> dict[str, str]:
    """The headers that go along. The sender's trace stays, so that all attempts stand beside each other in it."""
    return {**job.trace, **outbound.strip_broker_headers(message.headers)}


def with_dead_mark(copy: OutboundMessage, verdict: DeadLetter) -> OutboundMessage:
    """The copy for later of a job whose dead letter could not be stored: its next delivery goes straight there."""
    mark = {
        wire.DEAD_REASON: verdict.reason,
        wire.DEAD_ERROR: single_line(verdict.error),
        wire.DEAD_ATTEMPTS: str(verdict.attempts),
    }
    return OutboundMessage(copy.subject, {**copy.headers, **mark}, copy.body)


def dead_mark(message: StoredMessage) -> DeadLetter | None:
    """The verdict that an earlier delivery could not carry out, if there is one.

    Only what comes by way of `later.` can carry it: a dead letter that somebody publishes again by hand is a job.
    """
    if not message.subject.startswith(wire.DUE):
        return None
    reason = message.headers.get(wire.DEAD_REASON)
    if reason not in wire.REASONS:
        return None
    attempts = message.headers.get(wire.DEAD_ATTEMPTS, "0")
    error = message.headers.get(wire.DEAD_ERROR, "")
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

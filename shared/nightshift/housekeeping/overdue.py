"""Publishes overdue jobs: schedules that did not fire. Messages beside them that are no schedule become dead letters.

The broker does not try a schedule again that came due while its disk was full, until it is restarted.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

from nightshift.broker import BrokerRefusedError, Connection, NotPermittedError, QueueFullError, direct_get
from nightshift.broker.headers import Headers
from nightshift.broker.jetstream import manage
from nightshift.broker.message import SCHEDULE, SCHEDULE_TARGET, OutboundMessage, StoredMessage
from nightshift.contract import wire
from nightshift.messaging import outbound
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import get_logger
from nightshift.topology.topology import later_stream
from nightshift.worker import rescheduling
from nightshift.worker.verdict import DeadLetter

OVERDUE = timedelta(seconds=30)
"""So late a schedule is overdue: the broker fires within half a second, also after an election; the rest is for clocks
that differ."""
WRONG_LAST_SEQUENCE, NO_SUCH_MESSAGE = 10071, 10057
_CHANGED_MEANWHILE = frozenset({WRONG_LAST_SEQUENCE, NO_SUCH_MESSAGE})
"""Somebody replaced, cancelled or published it."""
_log = get_logger("housekeeping")


async def publish_overdue(
    connection: Connection, publisher: Publisher, service: str, now: datetime, *, overdue_after: timedelta = OVERDUE
) -> tuple[int, int]:
    """Look at every waiting message of a service; return how many were overdue, and how many were no schedule.

    Raises:
        Unavailable, QueueFullError, NotPermittedError: the broker is unavailable or full; what was done stays done.
    """
    overdue = unscheduled = 0
    async for waiting in direct_get.read_each(connection, later_stream(service), f"later.{service}.>"):
        due = due_at(waiting.headers)
        if due is None:
            unscheduled += await unless_refused(_dead_letter(connection, publisher, service, waiting, now))
        elif due < now - overdue_after:
            overdue += await unless_refused(_publish(publisher, waiting))
    if overdue or unscheduled:
        text = f"published {overdue} overdue jobs; {unscheduled} messages without a time became dead letters"
        _log.warning("swept", f"{later_stream(service)}: {text}")
    return overdue, unscheduled


def due_at(headers: Headers) -> datetime | None:
    """Return when a schedule fires; None for what is no one-time schedule."""
    kind, _, text = headers.get(SCHEDULE, "").partition(" ")
    try:
        due = datetime.fromisoformat(text) if kind == "@at" else None
        return due.astimezone(UTC) if due is not None and due.tzinfo else due and due.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


async def unless_refused(step: Awaitable[None]) -> bool:
    """Take one step; return False if the broker refuses: that message stays, and must not stop the others."""
    try:
        await step
    except (QueueFullError, NotPermittedError):
        raise
    except BrokerRefusedError as refused:
        if refused.code not in _CHANGED_MEANWHILE:
            _log.error("sweep_refused", f"A waiting message stays where it is: {refused}")
        return False
    return True


async def _publish(publisher: Publisher, waiting: StoredMessage) -> None:
    """Store the job as due and remove its schedule, in one step; a schedule that has changed meanwhile stays."""
    job_type, token = _type_and_token(waiting.subject)
    headers = {wire.JOB_ID: token, **outbound.strip_broker_headers(waiting.headers)} | {
        "Nats-Scheduler": waiting.subject,
        "Nats-Schedule-Next": "purge",
        "Nats-Expected-Last-Subject-Sequence": str(waiting.sequence),
        "Nats-Expected-Last-Subject-Sequence-Subject": waiting.subject,
    }
    target = waiting.headers.get(SCHEDULE_TARGET) or wire.due_subject(job_type)
    await publisher.store(OutboundMessage(target, headers, waiting.body))


async def _dead_letter(
    connection: Connection, publisher: Publisher, service: str, message: StoredMessage, now: datetime
) -> None:
    """Make a dead letter of what nobody would ever see, and take it out of the stream."""
    job_type, _ = _type_and_token(message.subject)
    job_id = message.headers.get(wire.JOB_ID) or message.headers.get(wire.MSG_ID) or message.origin()
    job = Job(service, job_type, job_id, wire.safe_token(job_id))
    error = f"on {message.subject[:200]} without the header 'Nats-Schedule: @at <time>' it never becomes due"
    await publisher.store(rescheduling.dead_letter(message, job, DeadLetter("invalid", error, 0), now))
    await manage(connection, f"STREAM.MSG.DELETE.{message.stream}", {"seq": message.sequence, "no_erase": True})


def _type_and_token(subject: str) -> tuple[str, str]:
    """Split `later.<type>.<id>`; a shorter subject has no id."""
    tokens = subject.split(".")[1:]
    return (".".join(tokens[:-1]), tokens[-1]) if len(tokens) > 2 else (".".join(tokens), "")  # noqa: PLR2004

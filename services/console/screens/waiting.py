"""The jobs that wait in a queue, oldest first, a page at a time by the sequence of the stream: cheap at any depth."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.streams import consumer_info, stored_at
from nightshift.contract import wire
from nightshift.topology.topology import queue_stream
from nightshift.worker.in_flight import job_of
from services.console.web.refused import Refused

PAGE = 50


class WaitingJob(NamedTuple):
    """A job in the queue, without its body."""

    sequence: int
    type: str
    job_id: str
    published: datetime
    attempt: int
    size: int
    running: bool


class WaitingPage(NamedTuple):
    """A page of them; `after` leads to the next one, None at the end."""

    jobs: list[WaitingJob]
    after: int | None


async def waiting_page(connection: Connection, service: str, query: Mapping[str, str]) -> WaitingPage:
    """Return the page that the address asks for: `after` a sequence, or from a time on (`at`), of one `type` or all.

    Raises:
        Refused: a parameter cannot be read.
        Unavailable: the broker is unavailable.
    """
    stream, job_type = queue_stream(service), query.get("type", "")
    if job_type and (wire.service_of(job_type) != service or not _is_plain(job_type)):
        raise Refused(400, f"{job_type[:80]!r} is no job type of {service}.")
    info = await consumer_info(connection, stream, service)
    floor, delivered = int(info["ack_floor"]["stream_seq"]), int(info["delivered"]["stream_seq"])
    start = max(floor, _number(query.get("after", ""))) + 1
    if query.get("at"):
        since = await direct_get.first_since(connection, stream, _instant(query["at"]))
        if since is None:
            return WaitingPage([], None)
        start = max(start, since)
    subject = wire.job_subject(job_type) if job_type else f"jobs.{service}.>"
    found = await direct_get.page(connection, stream, subject, start, batch=PAGE)
    jobs = []
    for message in found:
        job = job_of(service, message)
        size, running = len(message.body), message.sequence <= delivered
        jobs.append(WaitingJob(message.sequence, job.type, job.id, stored_at(message), job.attempt, size, running))
    return WaitingPage(jobs, jobs[-1].sequence if len(found) == PAGE else None)


def _is_plain(job_type: str) -> bool:
    return len(job_type) <= wire.MAX_ID_BYTES and job_type.isascii() and not set(job_type) & set("*> \t\r\n")


def _number(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):  # noqa: PLR2004 - fits into 64 bits
        raise Refused(400, f"{text[:40]!r} is no place in a queue.")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(400, f"{text[:40]!r} is no time: write 2026-11-28T13:00 (UTC).") from None

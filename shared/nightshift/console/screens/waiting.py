"""The jobs that wait in a queue, oldest first, a page at a time by the sequence of the stream: cheap at any depth."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.streams import consumer_info, stored_at
from nightshift.console.web.parameters import instant, sequence
from nightshift.console.web.refused import Refused
from nightshift.contract import wire
from nightshift.topology.topology import queue_stream
from nightshift.worker.in_flight import job_of

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


async def waiting_page(
    connection: Connection, service: str, query: Mapping[str, str], consumer: Mapping[str, Any] | None
) -> WaitingPage:
    """Return the page that the address asks for: `after` a sequence, or from a time on (`at`), of one `type` or all.

    `consumer` is what the last look at the broker has found of the queue's consumer; None: it is asked for.

    Raises:
        Refused: a parameter cannot be read.
        Unavailable: the broker is unavailable.
    """
    stream, job_type = queue_stream(service), query.get("type", "")
    if job_type and (wire.service_of(job_type) != service or not _is_plain(job_type)):
        raise Refused(400, f"{job_type[:80]!r} is no job type of {service}.")
    info = consumer or await consumer_info(connection, stream, service)
    floor, delivered = int(info["ack_floor"]["stream_seq"]), int(info["delivered"]["stream_seq"])
    start = max(floor, sequence(query.get("after", ""))) + 1
    at = instant(query.get("at", ""))
    if at is not None:
        since = await direct_get.first_since(connection, stream, at)
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

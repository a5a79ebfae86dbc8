"""Lists of jobs by state, a page at a time from a place on, so that any page costs the same."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from nightshift.broker import direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.dead_letters import parse_count
from nightshift.cli.queries.streams import consumer_info, stored_at
from nightshift.console.context import ConsoleContext
from nightshift.console.letters.index import PAGE
from nightshift.console.letters.wanted import Wanted
from nightshift.console.web.parameters import instant, sequence
from nightshift.console.web.refused import Refused
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.housekeeping.overdue import due_at
from nightshift.messaging import ledger
from nightshift.messaging.ledger import OUTCOMES, LedgerFilter, LedgerPlace
from nightshift.topology.topology import later_stream, queue_stream
from nightshift.worker.in_flight import job_of

STATES: Final = (*OUTCOMES, "dead", "waiting", "later")
_LONGEST = 300
_READ_PAGES = 4
"""Of a stream, for one page of jobs: where a filter matches few, the next page goes on."""


class JobsWanted(NamedTuple):
    """Which jobs; a field that is empty matches any."""

    state: str = ""
    type: str = ""
    error: str = ""
    tenant: str = ""
    since: str = ""
    until: str = ""


class Listed(NamedTuple):
    """A job in a list; `at` is when it was done, died, was published, or is due."""

    state: str
    type: str
    job_id: str
    at: datetime | None
    attempt: int | None
    took_ms: int | None
    tenant: str
    detail: str
    letter: str = ""
    """The path of its dead letter."""


class JobsPage(NamedTuple):
    """A page of jobs, and the place where the next one goes on; None at the end."""

    jobs: list[Listed]
    more: str | None


def jobs_wanted(query: Mapping[str, str], types: Sequence[str]) -> JobsWanted:
    """Return what an address asks for.

    Raises:
        Refused: it names what there is not, or what does not go together.
    """
    wanted = JobsWanted(**{name: query.get(name, "")[:_LONGEST] for name in JobsWanted._fields})
    if wanted.error and not wanted.state:
        wanted = wanted._replace(state="dead")
    if wanted.state and wanted.state not in STATES:
        raise Refused(400, f"There is no state {wanted.state[:40]!r}. There are: {', '.join(STATES)}.")
    if wanted.type and wanted.type not in types:
        raise Refused(400, f"There is no job type {wanted.type[:80]!r}. There are: {', '.join(types)}.")
    if wanted.error and wanted.state != "dead":
        raise Refused(400, "Only dead letters are found by the text of their error: choose the state dead.")
    since, until = instant(wanted.since), instant(wanted.until)
    if since is not None and until is not None and since >= until:
        raise Refused(400, "Nothing is between these times: the first is not before the last.")
    return wanted


async def listed(console: ConsoleContext, database: Database | None, wanted: JobsWanted, before: str) -> JobsPage:
    """Return a page of jobs.

    Raises:
        Refused: `before` is no place in this list.
        Unavailable: what holds them is unavailable.
    """
    try:
        match wanted.state:
            case "dead":
                return _dead(console, wanted, before)
            case "waiting" | "later":
                return await _stored(console, wanted, before)
            case _:
                return JobsPage([], None) if database is None else await _done(database, wanted, before)
    except ValueError:
        raise Refused(400, "There is no such place in this list of jobs.") from None


async def _done(database: Database, wanted: JobsWanted, before: str) -> JobsPage:
    outcome = next((one for one in OUTCOMES if one == wanted.state), None)
    condition = LedgerFilter(
        type=wanted.type or None,
        tenant=wanted.tenant or None,
        outcome=outcome,
        since=instant(wanted.since),
        until=instant(wanted.until),
    )
    entries, end = await ledger.page(database, condition, _ledger_place(before), size=PAGE)
    jobs = [
        Listed(one.outcome, one.type, one.job_id, one.done_at, one.attempt, one.took_ms, one.tenant or "", "")
        for one in entries
    ]
    return JobsPage(jobs, None if end is None else " ".join((end.done_at.isoformat(), *end[1:])))


def _ledger_place(text: str) -> LedgerPlace | None:
    if not text:
        return None
    at, consumer, job_type, token = text.split(" ")
    done_at = instant(at)
    return None if done_at is None else LedgerPlace(done_at, consumer, job_type, token)


def _dead(console: ConsoleContext, wanted: JobsWanted, before: str) -> JobsPage:
    letters = Wanted(type=wanted.type, error=wanted.error, tenant=wanted.tenant, since=wanted.since, until=wanted.until)
    rows = console.letters.index.page(letters, before)
    jobs = [
        Listed(
            "dead",
            row.type,
            row.job_id,
            row.died,
            row.attempts,
            None,
            row.tenant,
            f"{row.reason}: {row.error}",
            f"/dead/{row.service}/{row.sequence}",
        )
        for row in rows
    ]
    return JobsPage(jobs, rows[-1].place if len(rows) == PAGE else None)


async def _stored(console: ConsoleContext, wanted: JobsWanted, before: str) -> JobsPage:
    """Return what waits in queues, or for its time, service by service, as it was stored."""
    first, _, text = before.partition(":")
    after = _sequence(text)
    services = [wire.service_of(wanted.type)] if wanted.type else console.services
    jobs, reads = list[Listed](), 0
    for service in services:
        if service < first:
            continue
        last = await _start(console, wanted, service, after if service == first else 0)
        while last is not None:
            reads += 1
            stream, subject = _where(wanted, service)
            page = await direct_get.page(console.connection, stream, subject, last + 1, batch=PAGE)
            for message in page:
                last = message.sequence
                job = _of_message(service, message, wanted)
                if job is not None:
                    jobs.append(job)
                if len(jobs) == PAGE:
                    return JobsPage(jobs, f"{service}:{last}")
            if len(page) < PAGE:
                break
            if reads >= _READ_PAGES:
                return JobsPage(jobs, f"{service}:{last}")
    return JobsPage(jobs, None)


def _sequence(text: str) -> int:
    try:
        return sequence(text)
    except Refused:
        raise ValueError(text) from None


def _where(wanted: JobsWanted, service: str) -> tuple[str, str]:
    if wanted.state == "waiting":
        return queue_stream(service), wire.job_subject(wanted.type) if wanted.type else f"jobs.{service}.>"
    return later_stream(service), f"later.{wanted.type}.>" if wanted.type else f"later.{service}.>"


async def _start(console: ConsoleContext, wanted: JobsWanted, service: str, after: int) -> int | None:
    """Return the sequence behind which the list begins; None if there is nothing."""
    stream, _ = _where(wanted, service)
    if wanted.state == "waiting":
        info = await consumer_info(console.connection, stream, service)
        after = max(after, int(info["ack_floor"]["stream_seq"]))
    since = instant(wanted.since)
    if since is None:
        return after
    first = await direct_get.first_since(console.connection, stream, since)
    return None if first is None else max(after, first - 1)


def _of_message(service: str, message: StoredMessage, wanted: JobsWanted) -> Listed | None:
    headers, at = message.headers, stored_at(message)
    tenant, until = headers.get(wire.TENANT, ""), instant(wanted.until)
    if (wanted.tenant and tenant != wanted.tenant) or (until is not None and at >= until):
        return None
    if wanted.state == "waiting":
        job = job_of(service, message)
        return Listed("waiting", job.type, job.id, at, job.attempt, None, tenant, "")
    job_type = message.subject.removeprefix("later.").rpartition(".")[0]
    base = parse_count(headers.get(wire.ATTEMPT_BASE, ""))
    state = "retrying" if base else "scheduled"
    return Listed(state, job_type, headers.get(wire.JOB_ID, ""), due_at(headers), base + 1, None, tenant, "")

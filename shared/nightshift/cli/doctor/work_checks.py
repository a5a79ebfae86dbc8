"""The checks of the work itself: workers, pauses, dead letters, overdue and orphaned jobs."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from nightshift.broker import Connection, direct_get
from nightshift.broker.jetstream import manage
from nightshift.cli.client.context import Context
from nightshift.cli.doctor.finding import Finding, ok, warning, wrong
from nightshift.cli.doctor.start_command import scheduler_command, worker_command
from nightshift.cli.queries import timetable
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.queue_stats import queue_stats
from nightshift.cli.queries.streams import consumer_info
from nightshift.cli.queries.topology import service_names, topology_of
from nightshift.cli.terminal.formatting import plural
from nightshift.housekeeping.overdue import OVERDUE, due_at
from nightshift.housekeeping.trimming import holder_of
from nightshift.topology import bulk_queue
from nightshift.topology.bulk_queue import QueueState
from nightshift.topology.consumer import Consumer
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import later_stream

_LOOKED_THROUGH = 2_000
_SKEW = timedelta(seconds=2)


async def readiness(context: Context) -> list[Finding]:
    """Check that every process can work: each has an address, a password and a network of its own."""
    said: dict[tuple[str, str], list[WorkerInfo]] = {}
    for worker in await running_workers(await context.connection()):
        for reason in worker.not_ready:
            said.setdefault((worker.service, reason), []).append(worker)
    return [_not_ready(service, reason, workers) for (service, reason), workers in said.items()]


def _not_ready(service: str, reason: str, workers: Sequence[WorkerInfo]) -> Finding:
    where = f"{plural(len(workers), 'process')} of {service}, such as {workers[0].host}:{workers[0].pid}"
    text, fix = f"{reason} ({where})", f"check the settings of {service}: its own password or key, its own network"
    passing = reason.startswith("process:") or reason.endswith("not checked yet")
    return warning("readiness", text, "wait: it starts or stops") if passing else wrong("readiness", text, fix)


async def work(context: Context) -> list[Finding]:
    """Check workers, pauses, dead letters and overdue jobs."""
    connection, catalogue = await context.connection(), context.catalogue
    alive = await running_workers(connection)
    found = list[Finding]()
    for row in await queue_stats(connection, topology_of(context), service_names(context), alive, 0):
        name = row.service
        if not row.workers:
            busy = row.waiting + row.in_flight + row.later
            found.append(
                (wrong if busy else warning)(
                    "workers",
                    f"no worker of {name} answers; {plural(busy, 'job')} of it",
                    f"start one: {worker_command(context, name)}",
                )
            )
        if row.paused:
            found.append(
                warning(
                    "workers",
                    f"{name} is paused; {plural(row.waiting, 'job')} waiting",
                    f"nightshift queues resume {name}",
                )
            )
        if row.dead:
            found.append(
                warning(
                    "dead letters",
                    f"{plural(row.dead, 'dead letter')} of {name}",
                    f"nightshift dlq list --service {name}",
                )
            )
        overdue = await _overdue(connection, name, datetime.now(UTC))
        if overdue:
            found.append(
                wrong(
                    "schedules",
                    f"{plural(overdue, 'job')} of {name} should have come due",
                    f"start a worker of {name}: it publishes them within the hour",
                )
            )
    scheduled = catalogue.schedules or catalogue.timetables or context.settings.schedules_file
    if scheduled and not any(worker.service == "scheduler" for worker in alive):
        fix = f"start one: {scheduler_command(context)}"
        found.append(wrong("workers", "no scheduler answers: no schedule fires", fix))
    found += [
        warning("schedules", f"{name} is paused", f"nightshift cron resume {name}")
        for name in sorted(await timetable.paused(connection))
    ]
    return found or [ok("workers", f"{plural(len(alive), 'process')} answer, none is paused; no dead letters")]


async def orphans(context: Context) -> list[Finding]:
    """Find orphaned jobs: they will not be delivered. In a bulk queue look for what keeps done ones there."""
    connection, found = await context.connection(), list[Finding]()
    for consumer in filter(bulk_queue.is_queue, topology_of(context).consumers):
        service, start = consumer.name, worker_command(context, consumer.name)
        info = await consumer_info(connection, consumer.stream, service)
        answer = await manage(connection, f"STREAM.INFO.{consumer.stream}")
        if bulk_queue.is_bulk(answer["config"]):
            found += await _bulk(connection, consumer, bulk_queue.state_of(answer, info, consumer), start)
            continue
        lost = answer["state"]["messages"] - info["num_pending"] - info["num_ack_pending"]
        if lost > 0:
            await asyncio.sleep(0.2)  # the two answers are of two moments; an orphan is still one in the next
            info = await consumer_info(connection, consumer.stream, service)
            answer = await manage(connection, f"STREAM.INFO.{consumer.stream}")
            lost = min(lost, answer["state"]["messages"] - info["num_pending"] - info["num_ack_pending"])
        if lost > 0:
            found.append(
                wrong(
                    "queues",
                    f"{plural(lost, 'job')} of {service} will not be delivered",
                    f"its workers find them within minutes; without any, start one: {start}",
                )
            )
    return found


async def _bulk(connection: Connection, consumer: Consumer, state: QueueState, start: str) -> list[Finding]:
    """Say why what is done is not removed, where that is so."""
    if state.distrust:
        others = await _others(connection, consumer) if state.consumers > 1 else ""
        fix = f"remove the other consumers of {state.stream}: {others}" if others else "nightshift provision"
        return [wrong("queues", f"nothing that is done is removed from {state.stream}: {state.distrust}", fix)]
    if not state.is_held:
        return []
    jobs = f"{plural(state.done, 'job')} of {consumer.name} are done and not removed"
    if state.floor - state.first >= bulk_queue.STEP:
        fix = f"start a worker: {start}; its log says if it may not purge {state.stream}"
        return [warning("queues", f"{jobs}: no worker does it", fix)]
    holder = await holder_of(connection, consumer, state)
    fix = "its time limit ends it; if it does not, look at its worker: nightshift workers list"
    return [warning("queues", f"{jobs}, because {holder} is not done", fix)]


async def _others(connection: Connection, consumer: Consumer) -> str:
    """Return the names of a stream's consumers that are not its service's."""
    answer = await manage(connection, f"CONSUMER.NAMES.{consumer.stream}")
    return ", ".join(name for name in answer.get("consumers") or () if name != consumer.name)


async def _overdue(connection: Connection, service: str, now: datetime) -> int:
    sequence, overdue, seen = 1, 0, 0
    while seen < _LOOKED_THROUGH and (
        page := await direct_get.page(connection, later_stream(service), f"later.{service}.>", sequence)
    ):
        sequence, seen = page[-1].sequence + 1, seen + len(page)
        due = (due_at(message.headers) for message in page)
        overdue += sum(at is not None and at < now - OVERDUE - _SKEW for at in due)
    return overdue

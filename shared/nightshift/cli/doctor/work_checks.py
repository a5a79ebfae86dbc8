"""The checks of the work itself: workers, pauses, dead letters, overdue and orphaned jobs."""

import asyncio
from datetime import UTC, datetime, timedelta

from nightshift.broker import Connection, direct_get
from nightshift.broker.jetstream import manage
from nightshift.cli.client.context import Context
from nightshift.cli.doctor.finding import Finding, ok, warning, wrong
from nightshift.cli.queries import timetable
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.queue_stats import queue_stats
from nightshift.cli.queries.streams import consumer_info
from nightshift.cli.queries.topology import service_names, topology_of
from nightshift.cli.terminal.formatting import plural
from nightshift.config.project import Project
from nightshift.housekeeping.overdue import OVERDUE, due_at
from nightshift.topology.topology import later_stream

_LOOKED_THROUGH = 2_000
_SKEW = timedelta(seconds=2)


async def work(context: Context) -> list[Finding]:
    """Check workers, pauses, dead letters and overdue jobs."""
    connection, package = await context.connection(), Project.of_environment(context.environ).services
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
                    f"start one: python -m {package}.{name}",
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
    if not any(worker.service == "scheduler" for worker in alive):
        found.append(
            wrong("workers", "no scheduler answers: no schedule fires", "start one: python -m nightshift.scheduler")
        )
    found += [
        warning("schedules", f"{name} is paused", f"nightshift cron resume {name}")
        for name in sorted(await timetable.paused(connection))
    ]
    return found or [ok("workers", f"{plural(len(alive), 'process')} answer, none is paused; no dead letters")]


async def orphans(context: Context) -> list[Finding]:
    """Find orphaned jobs: they are in a queue, but will not be delivered."""
    connection, found = await context.connection(), list[Finding]()
    package = Project.of_environment(context.environ).services
    for service in service_names(context):
        stream = service.upper()
        info = await consumer_info(connection, stream, service)
        answer = await manage(connection, f"STREAM.INFO.{stream}")
        lost = answer["state"]["messages"] - info["num_pending"] - info["num_ack_pending"]
        if lost > 0:
            await asyncio.sleep(0.2)  # the two answers are of two moments; an orphan is still one in the next
            info = await consumer_info(connection, stream, service)
            answer = await manage(connection, f"STREAM.INFO.{stream}")
            lost = min(lost, answer["state"]["messages"] - info["num_pending"] - info["num_ack_pending"])
        if lost > 0:
            found.append(
                wrong(
                    "queues",
                    f"{plural(lost, 'job')} of {service} will not be delivered",
                    f"its workers find them within minutes; without any, start one: python -m {package}.{service}",
                )
            )
    return found


async def _overdue(connection: Connection, service: str, now: datetime) -> int:
    sequence, overdue, seen = 1, 0, 0
    while seen < _LOOKED_THROUGH and (
        page := await direct_get.page(connection, later_stream(service), f"later.{service}.>", sequence)
    ):
        sequence, seen = page[-1].sequence + 1, seen + len(page)
        due = (due_at(message.headers) for message in page)
        overdue += sum(at is not None and at < now - OVERDUE - _SKEW for at in due)
    return overdue

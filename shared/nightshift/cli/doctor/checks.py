"""The checks of broker, database and object store; each returns what it found, and how to fix it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from nightshift.broker import BrokerRefusedError, BrokerTooOldError, Connection, NotPermittedError, QueueFullError
from nightshift.broker.errors import NOT_STORED, NotStoredError
from nightshift.broker.jetstream import manage, store
from nightshift.broker.storage_probe import try_to_store
from nightshift.cli.client.context import NO_DATABASE, NO_OBJECTS, Context
from nightshift.cli.doctor.dependency_checks import dependencies
from nightshift.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from nightshift.cli.doctor.gateway_check import gateway
from nightshift.cli.doctor.outbox_check import outbox
from nightshift.cli.doctor.work_checks import orphans, readiness, work
from nightshift.cli.queries.streams import time_of
from nightshift.cli.queries.topology import service_names, topology_of
from nightshift.cli.terminal.formatting import format_size
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import check_version, differences
from nightshift.topology.topology import later_stream

_PROVISION = "nightshift provision"
_SKEW_SECONDS = 2.0
_CHOSEN = ("num_replicas", "max_bytes", "retention is 'workqueue', declared 'limits'")
"""Differences that settings of provisioning, or a queue that was never empty, explain."""
_FULL = 0.8
_WRONG_EXPECTATION = 10060
_NO_ROOM = ("no space left", "disk is full", "database or disk is full", "disk full")
_MAKE_ROOM = (
    "make room on the broker's disk, raise max_file_store or purge queues; if it goes on, restart the broker "
    "(docs/operations.md, section The broker's disk is full)"
)
_LOOK_AT_LOG = "the broker's log says more; if its disk was full, restart it"


Check = Callable[[Context], Awaitable[Sequence[Finding]]]


async def broker(context: Context) -> list[Finding]:
    """Check the broker's version and how much of its storage is used."""
    connection = await context.connection()
    info = connection.server_info
    found = [ok("broker", f"nats-server {info.get('version')} at {context.settings.nats_url} ({context.source})")]
    try:
        check_version(str(info.get("version", "")))
    except BrokerTooOldError as old:
        found = [wrong("broker", str(old), "update the broker")]
    account = await manage(connection, "INFO")
    used, limit = int(account.get("storage", 0)), int(account.get("limits", {}).get("max_storage", -1))
    if limit > 0 and used > _FULL * limit:
        text = f"{format_size(used)} of {format_size(limit)} are used; when it is full every publish is refused"
        return [*found, warning("disk", text, "see nightshift queues list; purge queues, or raise the limit")]
    return [*found, ok("disk", f"{format_size(used)} used" + (f" of {format_size(limit)}" if limit > 0 else ""))]


async def disk(context: Context) -> list[Finding]:
    """Check that the broker stores: write what is due in a thousand years beside each queue, and take it back."""
    connection = await context.connection()
    names = service_names(context)
    said = await asyncio.gather(*(_not_stored(connection, service) for service in names))
    refused: dict[str, list[str]] = {}
    for name, text in zip(names, said, strict=True):
        if text:
            refused.setdefault(text, []).append(name)
    found = [_full(f"nothing is stored for {', '.join(whose)}: {text}") for text, whose in refused.items()]
    return found or [ok("storage", "the broker stores what it is given")]


async def _not_stored(connection: Connection, service: str) -> str:
    """Return why nothing is stored for a service; empty: it is."""
    try:
        await try_to_store(connection, service, "doctor")
    except QueueFullError as full:
        return full.description
    except Unavailable as away:
        # Whether it answers a ping, at such a time, is a matter of luck.
        silent = isinstance(away, NotStoredError) or "no answer" in str(away)
        return f"the broker {NOT_STORED.removeprefix('it ')}" if silent else str(away)
    return ""


def _full(text: str) -> Finding:
    return wrong("storage", text, _MAKE_ROOM)


async def clock(context: Context) -> list[Finding]:
    """Compare this machine's clock with the broker's: schedules are set by one and come due by the other."""
    connection = await context.connection()
    before = time.time()
    answer = await manage(connection, "STREAM.INFO.CRON")
    after = time.time()
    there = time_of(answer.get("ts", ""))
    if there is None:
        return []
    skew = there.timestamp() - (before + after) / 2
    if abs(skew) > _SKEW_SECONDS:
        text = f"the broker's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
        return [warning("clock", text, "synchronize the clocks by NTP: delayed jobs and schedules depend on them")]
    return [ok("clock", "the broker's clock agrees with this machine's")]


async def streams(context: Context) -> list[Finding]:
    """Compare streams and consumers with the declared ones."""
    found = await differences(await context.connection(), topology_of(context))
    lasting = [line for line in found if not any(name in line for name in _CHOSEN)]
    chosen = [line for line in found if line not in lasting]
    said = [wrong("topology", line, f"run `{_PROVISION}` with this version's settings") for line in lasting]
    said += [
        warning("topology", line, f"as STREAM_REPLICAS, BULK_REMOVAL and …_MAX_BYTES of `{_PROVISION}` say, or run it")
        for line in chosen
    ]
    return said or [ok("topology", "streams and consumers are as declared")]


async def permissions(context: Context) -> list[Finding]:
    """Check that this user may publish jobs and cancel them, in a way that changes nothing."""
    connection, found = await context.connection(), list[Finding]()
    for service in service_names(context):
        try:
            await store(connection, f"jobs.{service}.doctor", {"Nats-Expected-Stream": "none"}, b"", timeout_seconds=2)
        except QueueFullError as full:
            found.append(_full(f"publishing jobs.{service}.>: {full.description}"))
        except BrokerRefusedError as refused:
            if refused.code != _WRONG_EXPECTATION:
                found.append(
                    wrong(
                        "permissions",
                        f"publishing jobs.{service}.>: {refused.description}",
                        "use an operator's credentials" if isinstance(refused, NotPermittedError) else _LOOK_AT_LOG,
                    )
                )
        try:
            request = {"filter": f"later.{service}.doctor.none"}
            await manage(connection, f"STREAM.PURGE.{later_stream(service)}", request, timeout_seconds=2)
        except BrokerRefusedError as refused:
            found.append(
                wrong(
                    "permissions",
                    f"cancelling jobs of {service}: {refused.description}",
                    "use an operator's credentials",
                )
            )
    return found or [ok("permissions", "this user may publish, cancel and purge")]


async def database(context: Context) -> list[Finding]:
    """Check that the database answers and has the tables of this version."""
    opened = context.database()
    if opened is None:
        return [skipped("database", NO_DATABASE)]
    from nightshift.database import MigrationError, history_states  # noqa: PLC0415 - a second, where there is one only

    try:
        states = await history_states(opened, context.settings.schema_package or context.catalogue.schema)
    except Unavailable as away:
        return [_away(away)]
    except MigrationError as error:
        return [wrong("database", str(error), "check SCHEMA_PACKAGE and the rights of DATABASE_URL's user")]
    behind = [
        wrong(
            "database",
            f"the tables of {one.package} are at revision {one.at or 'nothing'}, this version needs {one.head}",
            f"run `{_PROVISION}`, or a newer version if the database is ahead",
        )
        for one in states
        if one.at != one.head
    ]
    if behind:
        return behind
    try:
        await opened.probe()
    except Unavailable as away:
        return [_away(away)]
    at = ", ".join(f"{one.package} {one.at}" for one in states)
    return [ok("database", f"answers; its tables are at revision {at}")]


def _away(error: Unavailable) -> Finding:
    text = str(error).lower()
    if any(word in text for word in _NO_ROOM):
        return wrong("database", str(error), "make room on the database's disk; jobs wait until then, nothing is lost")
    return wrong("database", str(error), "check DATABASE_URL, and that the server runs and can be reached")


async def objects(context: Context) -> list[Finding]:
    """Check that the bucket can be written and read."""
    store_ = context.objects()
    if store_ is None:
        return [skipped("objects", NO_OBJECTS)]
    bucket, key = context.settings.s3_bucket, f"doctor/{time.time_ns()}"
    try:
        await store_.probe()
        await store_.put(key, b"{}", "application/json")
        await store_.delete(key)
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return [wrong("objects", f"bucket {bucket}: {error}", f"check S3_…; `{_PROVISION}` makes a missing bucket")]
    return [ok("objects", f"bucket {bucket} can be read and written")]


WITHOUT_BROKER: tuple[Check, ...] = (database, outbox, objects, gateway)
CHECKS: tuple[Check, ...] = (
    broker,
    disk,
    streams,
    clock,
    permissions,
    work,
    readiness,
    orphans,
    dependencies,
    *WITHOUT_BROKER,
)

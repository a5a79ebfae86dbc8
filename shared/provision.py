"""Makes what the workers need, or brings it up to date: database schema, streams, consumers, bucket.

Idempotent; run it before the workers of each release: `python -m shared.provision`.
"""

import argparse
import asyncio
import os
import sys
from typing import Annotated, Any

from msgspec import Meta

from contracts.message import CATALOGUE
from shared.broker import BrokerTooOld, Connection, connect
from shared.broker.errors import Refused
from shared.broker.jetstream import manage
from shared.catalogue import load_catalogue
from shared.database import migrate
from shared.log import configure, get_logger
from shared.outcomes import Unavailable
from shared.settings import Settings, SettingsError, load
from shared.stores import object_store
from shared.topology import Consumer, Limits, Stream, Topology, topology

MIN_BROKER = (2, 14)
"""Message schedules as we use them; 2.12.3 and 2.12.4 lose messages of work queues."""
_NOT_FOUND = frozenset({10059, 10014})
"""Stream not found, consumer not found."""
_log = get_logger("provision")


class ProvisionSettings(Settings, frozen=True, kw_only=True):
    """What is provisioned can be larger, or replicated."""

    stream_replicas: Annotated[int, Meta(ge=1, le=5, description="Copies of each stream; 3 in a cluster.")] = 1
    queue_max_bytes: Annotated[int, Meta(ge=1 << 20, description="A queue refuses what exceeds it.")] = (
        Limits().queue_bytes
    )
    dead_letter_max_bytes: Annotated[int, Meta(ge=1 << 20, description="The same for a dead-letter stream.")] = (
        Limits().dead_letter_bytes
    )

    def topology(self) -> Topology:
        """The declared topology with these limits."""
        events = load_catalogue()
        return topology(
            CATALOGUE, events, Limits(queue_bytes=self.queue_max_bytes, dead_letter_bytes=self.dead_letter_max_bytes)
        )


def check_version(version: str) -> None:
    """Refuses a broker that is too old.

    Raises:
        BrokerTooOld: says which is needed, and why.
    """
    numbers = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
    if numbers < MIN_BROKER:
        raise BrokerTooOld(
            f"the broker is nats-server {version}; 2.14 or later is needed (message schedules), 2.15 is recommended"
        )


async def provision_broker(connection: Connection, wanted: Topology, *, replicas: int = 1) -> list[str]:
    """Creates or updates streams and consumers; returns what was done, one line each."""
    check_version(str(connection._server_info.get("version", "0.0")))  # noqa: SLF001 - has no public form that parses
    done = [await _ensure_stream(connection, stream, replicas) for stream in wanted.streams]
    done += [await _ensure_consumer(connection, consumer) for consumer in wanted.consumers]
    return [line for line in done if line]


async def _ensure_stream(connection: Connection, stream: Stream, replicas: int) -> str:
    config = stream.config(replicas)
    current = await _find(connection, f"STREAM.INFO.{stream.name}")
    if current is None:
        await manage(connection, f"STREAM.CREATE.{stream.name}", config)
        return f"stream {stream.name} created"
    if _same(config, current):
        return ""
    await manage(connection, f"STREAM.UPDATE.{stream.name}", {**current, **config})
    return f"stream {stream.name} updated"


async def _ensure_consumer(connection: Connection, consumer: Consumer) -> str:
    current = await _find(connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
    config = consumer.config()
    if current is not None and _same(config, current):
        return ""
    subject = f"CONSUMER.CREATE.{consumer.stream}.{consumer.name}.{consumer.filter}"
    await manage(connection, subject, {"stream_name": consumer.stream, "config": {**(current or {}), **config}})
    return f"consumer {consumer.name} on {consumer.stream} {'updated' if current else 'created'}"


async def _find(connection: Connection, call: str) -> dict[str, Any] | None:
    try:
        answer = await manage(connection, call)
    except Refused as refused:
        if refused.code in _NOT_FOUND:
            return None
        raise
    config: dict[str, Any] = answer["config"]
    return config


def _same(wanted: dict[str, Any], current: dict[str, Any]) -> bool:
    return all(current.get(name, False) == value for name, value in wanted.items())


async def provision(settings: ProvisionSettings) -> list[str]:
    """Provisions everything; returns what was done."""
    done = await migrate(settings.database_url.reveal())
    objects = object_store(settings)
    connection = await connect(settings, name="provision")
    try:
        done += await provision_broker(connection, settings.topology(), replicas=settings.stream_replicas)
        if await objects.ensure_bucket():
            done.append(f"bucket {settings.s3_bucket} created")
    finally:
        await connection.close()
        await objects.close()
    return done


def main() -> int:
    """The command line; exit code 2 for wrong settings, 1 when something cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.provision",
        description="Creates or updates database schema, streams, consumers and bucket; changes nothing that is right.",
        epilog="example: DATABASE_URL=sqlite+aiosqlite:///nightshift.db S3_ENDPOINT=http://127.0.0.1:8333 … "
        "python -m shared.provision",
    )
    parser.parse_args()
    try:
        settings = load(ProvisionSettings, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    configure("provision", settings.log_format, settings.log_level)
    try:
        done = asyncio.run(provision(settings))
    except (BrokerTooOld, Refused, Unavailable) as error:
        _log.error("provision_failed", str(error))
        return 1
    for line in done:
        _log.info("provisioned", line)
    _log.info("provision_done", f"Everything is in place ({len(done)} change{'' if len(done) == 1 else 's'}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())

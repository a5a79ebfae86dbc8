"""Create what the workers need, or bring it up to date: database schema, streams, consumers, bucket.

`nightshift provision`, or `python -m nightshift.runtime.provision`: idempotent, to be run before the workers of each
release. With `--check` it only compares.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from nightshift.broker import BrokerRefusedError, BrokerTooOldError, Connection, connect
from nightshift.config.program_parser import fail
from nightshift.config.settings import SettingsError, load
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.wire import service_of
from nightshift.database import MigrationError, migrate
from nightshift.database.producers import let_producers
from nightshift.objects import ObjectStoreRefusedError
from nightshift.observability.log import configure, get_logger
from nightshift.outcomes import Unavailable
from nightshift.runtime.composition import database_address
from nightshift.runtime.object_stores import object_store_if_any, object_transfers
from nightshift.runtime.provision_arguments import provision_parser
from nightshift.runtime.provision_settings import ProvisionSettings
from nightshift.topology.provisioning import differences, provision_broker

_RETRY_SECONDS = 2.0
_log = get_logger("provision")


async def provision(settings: ProvisionSettings) -> list[str]:
    """Provision everything, and wait for what is unavailable (then `Unavailable` is raised); return what was done."""
    deadline = time.monotonic() + settings.provision_wait_seconds
    while True:
        try:
            return await _provision(settings)
        except Unavailable as away:
            if time.monotonic() + _RETRY_SECONDS > deadline:
                raise
            _log.warning("provision_waits", f"{away}: trying again in {_RETRY_SECONDS:g} s")
        await asyncio.sleep(_RETRY_SECONDS)


async def _provision(settings: ProvisionSettings) -> list[str]:
    url, catalogue = database_address(settings), load_catalogue(settings.contracts_package)
    access = settings.access if settings.roles else None
    prefix = settings.database_role_prefix
    done = await migrate(url, settings.tables, roles=settings.roles, access=access, role_prefix=prefix)
    services = {service_of(job_type) for job_type in catalogue.messages}
    done += await let_producers(url, settings.types_by_sql(), notify=settings.outbox_notify, services=services)
    objects = object_store_if_any(settings)
    try:
        async with _connected(settings) as connection:
            done += await provision_broker(connection, settings.topology(), replicas=settings.stream_replicas)
        if await objects.ensure_bucket():
            done.append(f"bucket {settings.s3_bucket} created")
        if settings.gateway_cors_origins and settings.s3_endpoint is not None:
            await _allow_origins(settings)
    finally:
        await objects.close()
    return done


async def _allow_origins(settings: ProvisionSettings) -> None:
    transfers = object_transfers(settings)
    try:
        await transfers.allow_origins(settings.gateway_cors_origins)
    finally:
        await transfers.close()


async def check(settings: ProvisionSettings) -> list[str]:
    """Compare the broker with the declared topology; return each difference."""
    async with _connected(settings) as connection:
        return await differences(connection, settings.topology(), replicas=settings.stream_replicas)


@asynccontextmanager
async def _connected(settings: ProvisionSettings) -> AsyncIterator[Connection]:
    connection = await connect(settings, name="provision", wait_seconds=settings.provision_wait_seconds)
    try:
        yield connection
    finally:
        await connection.close()


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run from the command line; return 2 for wrong settings, 1 if something cannot be made or (`--check`) differs.

    `arguments` and `environ` are those of the process unless given.
    """
    options = provision_parser().parse_args(arguments)
    named = {"CONTRACTS_PACKAGE": options.module} if options.module else {}
    try:
        settings = load(ProvisionSettings, {**(os.environ if environ is None else environ), **named})
    except SettingsError as error:
        return fail("", str(error))
    configure("provision", settings.log_format, settings.log_level)
    try:
        lines = asyncio.run(check(settings) if options.check else provision(settings))
    except (BrokerTooOldError, MigrationError, ObjectStoreRefusedError, BrokerRefusedError, Unavailable) as error:
        _log.error("provision_failed", str(error))
        return 1
    return _report_differences(lines) if options.check else _report_done(lines)


def _report_done(lines: list[str]) -> int:
    for line in lines:
        _log.info("provisioned", line)
    _log.info("provision_done", f"Everything is in place ({len(lines)} change{'' if len(lines) == 1 else 's'}).")
    return 0


def _report_differences(lines: list[str]) -> int:
    for line in lines:
        _log.error("topology_differs", line)
    if not lines:
        _log.info("topology_same", "Streams and consumers are as declared.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

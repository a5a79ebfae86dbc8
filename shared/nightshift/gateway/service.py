"""The gateway as a process: stores, broker, HTTP server, health, and a clean end."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightshift.broker import Connection
from nightshift.broker.connect import abandon, establish
from nightshift.config.program_parser import fail
from nightshift.config.settings import SettingsError, load
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.database import Database, PoolLimits
from nightshift.gateway.app import build_app
from nightshift.gateway.area import PLAIN, Gateway
from nightshift.gateway.auth.admission import Admission, admission
from nightshift.gateway.auth.api_keys import ApiKeys
from nightshift.gateway.context import GatewayContext
from nightshift.gateway.intake import BROKER_SECONDS, Intake
from nightshift.gateway.problems import Problem
from nightshift.gateway.settings import GatewaySettings
from nightshift.gateway.webhooks.intake import WebhookIntake
from nightshift.gateway.webhooks.metrics import WebhookMetrics
from nightshift.gateway.webhooks.registry import SourceRegistry
from nightshift.http.client_address import address_reader
from nightshift.http.connection_limits import ConnectionLimits
from nightshift.http.server import listen, protocol_config, serve_http, url_of
from nightshift.messaging.job_watch import JobWatch
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.observability.standard_output import say
from nightshift.outcomes import Unavailable
from nightshift.runtime.composition import database_of
from nightshift.runtime.health_checks import ReadinessCheck
from nightshift.runtime.object_stores import object_store_if_any, stored_in
from nightshift.runtime.process_frame import ProcessFrame, open_frame, process_parser, run_process
from nightshift.runtime.supervisor import Supervisor, until_lost
from nightshift.topology.discovery import describe_self
from nightshift.worker import gc_tuning

NAME = "gateway"
DATABASE_LIMITS = PoolLimits(connect_seconds=2, pool_seconds=3, statement_seconds=4, lock_seconds=3, answer_seconds=1)
"""A client waits for the answer: it is told soon that the database does not say anything."""
_log = get_logger("gateway")


def run(
    gateway: Gateway,
    program: str,
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run from the command line until SIGTERM or Ctrl-C; return the exit code: 0 stopped, 1 broken, 2 wrong settings.

    `arguments` and `environ` are those of the process unless given.
    """
    parser = process_parser(
        program,
        "Takes jobs and third-party events over HTTP until SIGTERM or Ctrl-C. Any number of processes may run.",
        f"GATEWAY_JOBS='*' {program}",
        gateway.settings,
    )
    environ = os.environ if environ is None else environ
    if parser.parse_args(arguments).check:
        return check(gateway.settings, environ)
    return run_process(
        NAME,
        gateway.settings,
        lambda settings, stop: serve(settings, stop, gateway, environ=environ),
        parser,
        arguments=arguments,
        environ=environ,
    )


def check(settings_type: type[GatewaySettings], environ: Mapping[str, str]) -> int:
    """Print a line for everything that is wrong with the settings and the file of webhook sources; return 0 or 2.

    The file is looked at wherever it is named, also where other settings are missing.
    """
    problems = list[str]()
    try:
        load(settings_type, environ)
    except SettingsError as error:
        problems += error.problems
    file = environ.get("GATEWAY_WEBHOOKS")
    try:
        registry = SourceRegistry(Path(file) if file else None, environ)
        sources = ", ".join(f"{source.name} ({source.kind})" for source in registry.sources.values())
        say(f"webhook sources: {sources or 'none'}")
    except SettingsError as error:
        problems += error.problems
    if problems:
        return fail("", "\n".join(problems))
    say("ok: the settings are complete")
    return 0


async def serve(
    settings: GatewaySettings,
    stop: asyncio.Event,
    gateway: Gateway = PLAIN,
    *,
    environ: Mapping[str, str] | None = None,
    supervision: type[Supervisor] = Supervisor,
) -> int:
    """Answer requests until `stop` is set; return the exit code, 1 if something has failed.

    Raises:
        SettingsError: a port cannot be had, or the file of webhook sources is wrong.
    """
    async with open_frame(NAME, settings, stop, Metrics(), supervision=supervision) as frame:
        listening = listen(settings.gateway_host, settings.gateway_port, variables="GATEWAY")
        frame.stack.callback(listening.close)
        database = database_of(settings, DATABASE_LIMITS)
        frame.stack.push_async_callback(database.close)
        keys = ApiKeys(database, gateway.keys.table)
        context = _open(
            frame, settings, database, admission(settings, keys), os.environ if environ is None else environ
        )
        further = [operation for area in gateway.areas for operation in area(context, frame.stack)]
        frame.checks.ready("intake", _readiness(context))
        frame.supervisor.start("key uses", keys.note_uses)
        frame.supervisor.start("connection", lambda _: _keep_connected(context, frame))
        config = protocol_config(
            build_app(context, further),
            ConnectionLimits(connections=settings.gateway_connections),
            Problem,
            drain_seconds=settings.gateway_drain_seconds,
            certificate=settings.gateway_tls_cert_file,
            key=settings.gateway_tls_key_file,
        )
        serving = frame.supervisor.start("http server", lambda beat: serve_http([listening], config, stop, beat))
        gc_tuning.freeze()
        url = url_of(settings.gateway_host, listening, tls=settings.gateway_tls_cert_file is not None)
        _log.info("listening", f"gateway listens at {url}", url=url)
        await stop.wait()
        frame.checks.drain()
        context.draining.set()
        await asyncio.wait({serving}, timeout=settings.gateway_drain_seconds + 2)
        _log.info("stopped", f"{NAME} has stopped")
    return frame.supervisor.exit_code


def _open(
    frame: ProcessFrame,
    settings: GatewaySettings,
    database: Database,
    admission: Admission,
    environ: Mapping[str, str],
) -> GatewayContext:
    connection, catalogue = Connection(settings.nats_api_prefix), load_catalogue(settings.contracts_package)
    frame.stack.push_async_callback(abandon, connection)
    objects = object_store_if_any(settings)
    frame.stack.push_async_callback(objects.close)
    publisher = Publisher(
        connection,
        stored_in(objects),
        timeout_seconds=BROKER_SECONDS,
        patience_seconds=BROKER_SECONDS,
        tracing=frame.tracing,
    )
    intake = Intake(connection, database, publisher)
    return GatewayContext(
        settings=settings,
        catalogue=catalogue,
        connection=connection,
        database=database,
        objects=objects,
        admission=admission,
        watch=JobWatch(connection, {wire.service_of(name) for name in settings.offered_jobs(catalogue)}),
        intake=intake,
        webhooks=_webhooks(frame, settings, intake, environ),
        metrics=frame.metrics.registry,
        tracing=frame.tracing,
    )


def _webhooks(
    frame: ProcessFrame, settings: GatewaySettings, intake: Intake, environ: Mapping[str, str]
) -> WebhookIntake:
    registry = SourceRegistry(settings.gateway_webhooks, environ)
    metrics = WebhookMetrics(lambda: registry.sources)
    frame.metrics.registry.register(metrics)
    frame.supervisor.start("webhook sources", registry.watch)
    return WebhookIntake(registry, intake, metrics, address_reader(settings.gateway_trusted_proxies))


async def _keep_connected(context: GatewayContext, frame: ProcessFrame) -> None:
    """Connect, however long the broker is away: what comes in meanwhile goes into the outbox."""
    await establish(context.connection, context.settings, name=NAME)
    await context.watch.start()
    me = describe_self(NAME, frame.health.url)
    await frame.answer_discovery(context.connection, lambda: me)
    await until_lost(context.connection)


def _readiness(context: GatewayContext) -> ReadinessCheck:
    async def ready() -> None:
        """Be ready while anything that is accepted can be stored: by the broker, or in the outbox."""
        if not context.connection.up.is_set():
            try:
                await context.database.probe()
            except Unavailable as away:
                raise Unavailable("broker", f"not connected, and the outbox cannot take its place: {away}") from None

    return ready

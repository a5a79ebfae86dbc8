"""The console as a process: connection, sampler, HTTP server, health, and a clean end."""

import argparse
import asyncio
import contextlib
import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.connect import abandon, establish
from nightshift.console.app import build_app, screens_of
from nightshift.console.bulk.runner import BulkRunner
from nightshift.console.context import ConsoleContext, Letters, Operator
from nightshift.console.figures.changes import Changes
from nightshift.console.figures.pauses import Pauses
from nightshift.console.figures.sampler import Sampler
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex
from nightshift.console.settings import ConsoleSettings
from nightshift.console.sign_in.link import OneTimeLink
from nightshift.console.sign_in.passwords import hash_password
from nightshift.console.sign_in.proxy import ProxySignIn
from nightshift.console.sign_in.session_file import SessionFile
from nightshift.console.sign_in.sessions import Sessions
from nightshift.console.sign_in.users_file import UsersFile
from nightshift.console.web.refused import ConnectionRefused
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.heartbeat import Heartbeat
from nightshift.http.client_address import address_reader
from nightshift.http.connection_limits import ConnectionLimits
from nightshift.http.server import listen, protocol_config, serve_http, url_of
from nightshift.messaging.audit import Audit
from nightshift.messaging.audit_backlog import AuditBacklog, usual_file
from nightshift.messaging.job_watch import JobWatch
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.observability.standard_output import say
from nightshift.outcomes import Unavailable
from nightshift.runtime.process_frame import ProcessFrame, open_frame, process_parser, run_process
from nightshift.runtime.supervisor import Supervisor, until_lost
from nightshift.topology.discovery import describe_self
from nightshift.topology.topology import declared_topology
from nightshift.worker import gc_tuning

if TYPE_CHECKING:
    from nightshift.console.sign_in.oidc import OidcSignIn

NAME = "console"
_CONNECTIONS = 1000
_DRAIN_SECONDS = 5.0
_AGAIN_SECONDS = 5.0
_SHORTEST_PASSWORD = 10
_log = get_logger("console")


def run(program: str, arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run from the command line until SIGTERM or Ctrl-C; return the exit code: 0 stopped, 1 broken, 2 wrong settings.

    `arguments` and `environ` are those of the process unless given.
    """
    parser = process_parser(
        program,
        "Serves the console, in which a person on call sees what is wrong and why, until SIGTERM or Ctrl-C.",
        f"CONSOLE_USERS_FILE=people.toml {program}",
        ConsoleSettings,
    )
    parser.add_argument("--hash-password", action="store_true", help="ask for a password, print its hash, and end")
    if parser.parse_args(arguments).hash_password:
        return _hash_password(parser)
    return run_process(NAME, ConsoleSettings, serve, parser, arguments=arguments, environ=environ)


def _hash_password(parser: argparse.ArgumentParser) -> int:
    try:
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    except (EOFError, KeyboardInterrupt):
        return 130
    if len(password) < _SHORTEST_PASSWORD:
        parser.error(f"a password has at least {_SHORTEST_PASSWORD} characters")
    say(hash_password(password))
    return 0


async def serve(settings: ConsoleSettings, stop: asyncio.Event, *, supervision: type[Supervisor] = Supervisor) -> int:
    """Answer requests until `stop` is set; return the exit code, 1 if something has failed.

    Raises:
        SettingsError: the port cannot be had, or the file of users or of the link cannot be used.
    """
    async with open_frame(NAME, settings, stop, Metrics(), supervision=supervision) as frame:
        listening = listen(settings.console_host, settings.console_port, variables="CONSOLE")
        frame.stack.callback(listening.close)
        url = settings.console_url or url_of(settings.console_host, listening)
        console = open_console(settings, url.rstrip("/"), listening.getsockname()[1])
        frame.stack.push_async_callback(abandon, console.connection)
        frame.stack.callback(console.letters.index.close)
        await frame.stack.enter_async_context(console.operator)
        frame.checks.ready("serving", _ready)
        frame.supervisor.start("connection", lambda _: _keep_connected(console, frame))
        frame.supervisor.start("figures", console.sampler.run)
        frame.supervisor.start("dead letters", console.letters.follower.run)
        frame.supervisor.start("pauses", console.pauses.run)
        frame.supervisor.start("redrives", console.bulks.run)
        frame.supervisor.start("record", lambda beat: _record_afterwards(console, beat))
        limits = ConnectionLimits(connections=_CONNECTIONS)
        config = protocol_config(build_app(console), limits, ConnectionRefused, drain_seconds=_DRAIN_SECONDS)
        serving = frame.supervisor.start("http server", lambda beat: serve_http([listening], config, stop, beat))
        gc_tuning.freeze()
        _log.info("listening", f"console listens at {url}", url=url)
        if console.link is not None:
            console.link.announce()
        await stop.wait()
        frame.checks.drain()
        console.changes.close()
        await asyncio.wait({serving}, timeout=_DRAIN_SECONDS + 2)
        _log.info("stopped", f"{NAME} has stopped")
    return frame.supervisor.exit_code


def open_console(settings: ConsoleSettings, url: str, port: int) -> ConsoleContext:
    """Return what the routes are built from; connects to nothing.

    Raises:
        SettingsError: the file of users or of the link cannot be used.
    """
    connection, users = Connection(settings.nats_api_prefix), UsersFile(settings.console_users_file)
    operator = Operator(settings, connection)
    topology = declared_topology(operator.catalogue, bulk_removal=settings.bulk_removal)
    changes = Changes()
    sampler = Sampler(connection, topology, changes)
    index, backlog = LetterIndex(), AuditBacklog(settings.audit_file or usual_file(os.environ))
    follower, watch = (
        LetterFollower(connection, topology, index, sampler, changes),
        JobWatch(connection, {one.name for one in topology.consumers}),
    )
    audit = Audit(operator.connection, backlog, part="console", who=NAME)
    bulks = BulkRunner(connection, index, follower, audit, operator.objects(), changes=changes)
    watch.on_told = lambda at, event: _hear(bulks, changes, at, event)
    header, secret, trusted = (
        settings.console_proxy_header,
        settings.console_proxy_secret,
        settings.console_trusted_proxies,
    )
    return ConsoleContext(
        settings=settings,
        topology=topology,
        connection=connection,
        operator=operator,
        sampler=sampler,
        pauses=Pauses(connection, sampler, changes),
        changes=changes,
        letters=Letters(index, follower),
        backlog=backlog,
        watch=watch,
        bulks=bulks,
        users=users,
        sessions=Sessions(users, settings.console_session_hours * 3600, _session_file(settings)),
        link=None if settings.has_sign_in else OneTimeLink(settings.console_link_file, lambda new: _print(url, new)),
        proxy=ProxySignIn(header, secret, trusted, users, settings.console_proxy_role) if header and secret else None,
        oidc=_oidc(settings, url) if settings.console_oidc_issuer else None,
        address_of=address_reader(trusted),
        cookie="__Host-console" if url.startswith("https://") else f"console_{port}",
        screens=screens_of(settings),
    )


def _session_file(settings: ConsoleSettings) -> SessionFile | None:
    file = settings.console_link_file
    return None if file is None or settings.has_sign_in else SessionFile(file)


def _hear(bulks: BulkRunner, changes: Changes, at: datetime, event: JobEvent) -> None:
    """Take in what a worker tells of any job."""
    bulks.hear(at, event)
    changes.tell(f"events.{wire.service_of(event.type)}")


def _oidc(settings: ConsoleSettings, url: str) -> "OidcSignIn":
    # Its cryptography takes long to load, and most consoles do without.
    from nightshift.console.sign_in.oidc import OidcSignIn  # noqa: PLC0415

    return OidcSignIn(settings, url)


def _print(url: str, secret: str) -> None:
    """Show the link at the terminal, and not in the log, which others may read."""
    sys.stderr.write(f"Sign in to the console, once: {url}/sign-in?{urlencode({'link': secret})}\n")
    sys.stderr.flush()


async def _keep_connected(console: ConsoleContext, frame: ProcessFrame) -> None:
    """Connect, however long the broker is away: the console says so meanwhile."""
    name = console.settings.nats_user or NAME
    await establish(console.connection, console.settings, name=name)
    if not console.is_read_only:  # else the broker lets it hear nothing of jobs
        await console.watch.start()
    me = describe_self(NAME, frame.health.url)
    await frame.answer_discovery(console.connection, lambda: me)
    await until_lost(console.connection)


async def _record_afterwards(console: ConsoleContext, heartbeat: Heartbeat) -> None:
    """Record what could not be recorded when it was done, as soon as it can be."""
    audit = Audit(console.operator.connection, console.backlog, part="console", who=NAME)
    while True:
        heartbeat.beat(60)
        with contextlib.suppress(Unavailable, BrokerRefusedError, OSError):  # it stays in the file
            await audit.recover()
        await asyncio.sleep(_AGAIN_SECONDS)


async def _ready() -> None:
    """Be ready without the broker, too: then the console says that it is away."""

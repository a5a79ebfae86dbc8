"""The frame of a process: what every one has, whatever it is for: health, supervision, traces, a place to close things.

A worker, the scheduler and a server each put their own work into it.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from nightshift.broker import Connection, connect
from nightshift.config.program_parser import ProgramParser, fail
from nightshift.config.settings import ProcessSettings, SettingsError, describe, load
from nightshift.config.version_option import add_version
from nightshift.messaging.tracing import ServerTracing
from nightshift.observability.log import configure, get_logger
from nightshift.observability.metrics import Metrics
from nightshift.observability.standard_output import say
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.health_server import HealthServer
from nightshift.runtime.process import STOPPED, run_until_stopped, wait_unless_stopped
from nightshift.runtime.supervisor import Supervisor
from nightshift.runtime.tracing import open_tracing
from nightshift.topology.discovery import CheckResult, Responder, WorkerInfo

P = TypeVar("P", bound=ProcessSettings)
Serve = Callable[[P, asyncio.Event], Coroutine[Any, Any, int]]
"""Runs a process until the event is set; returns its exit code."""
_log = get_logger("process")


@dataclass(slots=True, frozen=True)
class ProcessFrame:
    """A process that has begun, and answers its probes."""

    name: str
    settings: ProcessSettings
    stop: asyncio.Event
    stack: AsyncExitStack
    """Closes what is opened, in the opposite order, when the process ends."""
    metrics: Metrics
    checks: Checks
    supervisor: Supervisor
    health: HealthServer
    tracing: ServerTracing

    async def connect(self) -> Connection | None:
        """Wait for the broker and connect; None when the process was told to stop before. Closed at the end."""
        connecting = asyncio.ensure_future(connect(self.settings, name=self.name))
        if not await wait_unless_stopped(connecting, self.stop):
            return None
        self.stack.push_async_callback(connecting.result().close)
        return connecting.result()

    async def answer_discovery(
        self,
        connection: Connection,
        now: Callable[[], WorkerInfo],
        check: Callable[[], Awaitable[list[CheckResult]]] | None = None,
    ) -> None:
        """Answer the operator who asks which processes there are, and whether they can work."""

        def described() -> WorkerInfo:
            return msgspec.structs.replace(
                now(),
                not_ready=self.checks.readiness(),
                loop_lag_seconds=round(self.checks.lag(), 3),
                app_version=" ".join(self.settings.app_version.split()),  # a file's last line break, say
            )

        responder = Responder(connection, described, check) if check else Responder(connection, described)
        await responder.start()
        self.supervisor.start("discovery", responder.run)


@asynccontextmanager
async def open_frame(
    name: str,
    settings: ProcessSettings,
    stop: asyncio.Event,
    metrics: Metrics,
    *,
    supervision: type[Supervisor] = Supervisor,
) -> AsyncIterator[ProcessFrame]:
    """Begin a process: it is alive, traced, and not ready until it has registered what makes it so.

    Raises:
        SettingsError: the health port cannot be had, or one of tracing's own variables is wrong.
    """
    checks = Checks()
    async with AsyncExitStack() as stack:
        supervisor = supervision(stop, checks, stack)
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        supervisor.start("health checks", lambda _: checks.run())
        _log.info("starting", f"{name} starts; health at {health.url}", health=health.url)
        tracing = await stack.enter_async_context(open_tracing(name, settings))
        yield ProcessFrame(name, settings, stop, stack, metrics, checks, supervisor, health, tracing)


def run_process(
    name: str,
    settings_type: type[P],
    serve: Serve[P],
    parser: argparse.ArgumentParser,
    *,
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Read the command line and the settings, then serve until SIGTERM or Ctrl-C.

    Return the exit code: 0 stopped, 1 broken, 2 wrong settings. `arguments` and `environ` are those of the process
    unless given.
    """
    only_check = parser.parse_args(arguments).check
    try:
        settings = load(settings_type, os.environ if environ is None else environ)
    except SettingsError as error:
        return fail("", str(error))
    if only_check:
        say(f"the settings of {name} can be used")
        return STOPPED
    configure(name, settings.log_format, settings.log_level)
    return run_until_stopped(lambda stop: serve(settings, stop))


def process_parser(program: str, description: str, example: str, settings_type: type[P]) -> ProgramParser:
    """Return a parser whose help lists the settings."""
    parser = ProgramParser(
        prog=program,
        description=description,
        epilog=f"example: {example}\n\nsettings, from the environment:\n\n{describe(settings_type)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="read the settings, say what is wrong with them, and end")
    add_version(parser)
    return parser

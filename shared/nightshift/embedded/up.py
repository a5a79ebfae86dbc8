"""The whole stack in the foreground, without Docker, until Ctrl-C.

python -m nightshift.embedded.up
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence

from nightshift.config.env_file import written
from nightshift.config.project import Project
from nightshift.embedded.banner import addresses
from nightshift.embedded.processes.binaries import ProgramMissingError
from nightshift.embedded.processes.folder_lock import FolderTakenError
from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.processes.supervisor import Program, keep_running
from nightshift.embedded.services import Service, UnknownServiceError, all_services
from nightshift.embedded.stack import Stack
from nightshift.embedded.up_arguments import up_parser

_POLL_SECONDS = 0.25
_POLLS_UNTIL_NOTICE = 80  # 20 seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code: 0 after Ctrl-C or SIGTERM, 1 if it could not start."""
    options = up_parser().parse_args(arguments)
    project = Project.of_environment(os.environ)
    stack = Stack(options.folder, project=project) if options.folder else Stack.kept(project)
    try:
        services = all_services(stack, replicas=dict(options.replicas), extra=dict(options.set))
    except UnknownServiceError as error:
        print(error, file=sys.stderr)
        return 2
    prepare = None if options.no_services else options.prepare
    return run(
        stack,
        [] if options.no_services else services,
        provision=not options.no_services,
        prepare=prepare,
        extra=dict(options.set),
    )


def run(
    stack: Stack,
    services: Sequence[Service],
    *,
    provision: bool = True,
    prepare: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> int:
    """Run stack and services until told to stop; return the exit code. Only errors of the start are caught."""
    try:
        stack.lock_folder()
        asyncio.run(up(stack, services, provision=provision, prepare=prepare, extra=extra))
    except (FolderTakenError, ProgramMissingError, StartFailedError) as error:
        print(f"The stack could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # Windows, where the loop does not handle signals
        pass
    return 0


async def up(
    stack: Stack,
    services: Sequence[Service],
    *,
    provision: bool = True,
    prepare: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> None:
    """Run stack and services until SIGTERM or Ctrl-C, then stop all in order; a second signal kills them.

    `prepare` is a module that is run with the stack's folder as its argument when all is provisioned; `extra` are
    settings of all services that the command line is to know, too.
    """
    stop, hurry = _signals()
    try:
        await _until(stop, _work(stack, services, provision=provision, prepare=prepare, extra=extra or {}))
    finally:
        say("Stopping … (Ctrl-C again: at once)")
        try:
            await _until(hurry, _stop(stack, services))
        finally:
            await asyncio.gather(*(service.kill() for service in services))
            await stack.kill()
    say(f"All stopped. The state is kept in {stack.folder}")


def say(text: str) -> None:
    """Print a line; the terminal may be closed by now."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


async def _work(
    stack: Stack, services: Sequence[Service], *, provision: bool, prepare: str | None, extra: Mapping[str, str]
) -> None:
    say(f"Starting broker, object store and mail catcher in {stack.folder}")
    await stack.start()
    if provision:
        say("Bringing database, streams and bucket up to date")
        await stack.provision()
    prepared = await stack.run(prepare, str(stack.folder)) if prepare else ""
    for service in services:
        await service.start()
    say(addresses(stack, services) + prepared)
    gateway = {"GATEWAY_URL": stack.gateway_url} if any(one.name == "gateway" for one in services) else {}
    with written(stack.folder, {**stack.environment(), **gateway, **extra}):
        async with asyncio.TaskGroup() as tasks:
            programs: list[Program] = [*stack.servers, *services]
            for program in programs:
                tasks.create_task(keep_running(program, say))
            tasks.create_task(_announce(services))


async def _announce(services: Sequence[Service]) -> None:
    """Print when all services are ready, and which are not if that takes long."""
    polls_left = _POLLS_UNTIL_NOTICE
    while waiting := [service.name for service in services if not await service.is_ready()]:
        polls_left -= 1
        if polls_left == 0:
            say(f"Not ready yet: {', '.join(waiting)}. Their logs say why.")
        await asyncio.sleep(_POLL_SECONDS)
    say("Everything is ready. Stop with Ctrl-C.")


async def _stop(stack: Stack, services: Sequence[Service]) -> None:
    await asyncio.gather(*(service.stop() for service in services))
    await stack.stop()


async def _until(event: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Run a coroutine until it ends or the event is set; raise what it raises."""
    task, waiter = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        for pending in (task, waiter):
            pending.cancel()
        await asyncio.gather(task, waiter, return_exceptions=True)


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Return the events of the first and the second request to stop (Ctrl-C, SIGTERM, a closed terminal)."""
    first, second = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        (second if first.is_set() else first).set()

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, ask)
    return first, second


if __name__ == "__main__":
    sys.exit(main())

"""The whole stack in the foreground, without Docker, until Ctrl-C.

python -m nightshift.embedded.up
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial

from nightshift.config.env_file import written
from nightshift.config.program_parser import fail
from nightshift.config.project import Project
from nightshift.embedded.banner import addresses
from nightshift.embedded.kept_services import KeptServices, Reload, say
from nightshift.embedded.processes.binaries import ProgramMissingError
from nightshift.embedded.processes.folder_lock import FolderTakenError
from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.processes.supervisor import keep_running
from nightshift.embedded.reloading import ModuleError, declared_services, reload_on_change
from nightshift.embedded.services import GATEWAY, Service, UnknownServiceError, all_services
from nightshift.embedded.stack import Stack
from nightshift.embedded.up_arguments import up_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code: 0 after Ctrl-C or SIGTERM, 1 if it could not start."""
    options = up_parser().parse_args(arguments)
    project = Project.of_environment(os.environ)
    try:
        if options.module:
            project = replace(project, contracts=options.module)
            project = replace(project, declared=asyncio.run(declared_services(project)))
        stack = Stack(options.folder, project=project) if options.folder else Stack.kept(project)
        services = _services_of(stack, options)
    except (UnknownServiceError, ModuleError) as error:
        return fail("nightshift up", str(error))
    prepare = None if options.no_services else options.prepare
    reload = partial(_anew, stack, options) if options.module and services and not options.no_reload else None
    provision, extra = not options.no_services, dict(options.set)
    return run(stack, services, provision=provision, prepare=prepare, extra=extra, reload=reload)


def _services_of(stack: Stack, options: argparse.Namespace) -> list[Service]:
    if options.no_services:
        return []
    return all_services(stack, replicas=dict(options.replicas), extra=dict(options.set))


async def _anew(stack: Stack, options: argparse.Namespace) -> list[Service]:
    """Provision what the project's module declares now, and return its services, not started.

    Raises:
        ModuleError, StartFailedError: it cannot be used; the text says why.
    """
    stack.project = replace(stack.project, declared=await declared_services(stack.project))
    await stack.provision()
    return _services_of(stack, options)


def run(
    stack: Stack,
    services: list[Service],
    *,
    provision: bool = True,
    prepare: str | None = None,
    extra: Mapping[str, str] | None = None,
    reload: Reload | None = None,
) -> int:
    """Run stack and services until told to stop; return the exit code. Only errors of the start are caught."""
    try:
        stack.lock_folder()
        asyncio.run(up(stack, services, provision=provision, prepare=prepare, extra=extra, reload=reload))
    except (FolderTakenError, ProgramMissingError, StartFailedError) as error:
        print(f"The stack could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # Windows, where the loop does not handle signals
        pass
    return 0


async def up(
    stack: Stack,
    services: list[Service],
    *,
    provision: bool = True,
    prepare: str | None = None,
    extra: Mapping[str, str] | None = None,
    reload: Reload | None = None,
) -> None:
    """Run stack and services until SIGTERM or Ctrl-C, then stop all in order; a second signal kills them.

    `prepare` is a module that is run with the stack's folder as its argument when all is provisioned; `extra` are
    settings of all services that the command line is to know, too. `reload` is called whenever the project changes;
    the services that it returns take the place of those that run.
    """
    stop, hurry = _signals()
    try:
        preparing = partial(_prepared, stack, services, provision=provision, prepare=prepare)
        await _until(stop, _work(stack, services, preparing, extra=extra or {}, reload=reload))
    finally:
        say("Stopping … (Ctrl-C again: at once)")
        try:
            await _until(hurry, _stop(stack, services))
        finally:
            await asyncio.gather(*(service.kill() for service in services))
            await stack.kill()
    say(f"All stopped. The state is kept in {stack.folder}")


async def _prepared(stack: Stack, services: Sequence[Service], *, provision: bool, prepare: str | None) -> str:
    """Start the servers, and bring everything up to date; return what the module `prepare` has printed."""
    say(f"Starting broker, object store and mail catcher in {stack.folder}")
    await stack.start()
    if provision:
        say("Bringing database, streams and bucket up to date")
        await stack.provision()
    if any(one.is_built_in and one.name == GATEWAY for one in services):
        from nightshift.embedded.gateway_key import keep_key  # noqa: PLC0415 - needs an extra

        await keep_key(stack)
    return await stack.run(prepare, str(stack.folder)) if prepare else ""


async def _work(
    stack: Stack,
    services: list[Service],
    preparing: Callable[[], Awaitable[str]],
    *,
    extra: Mapping[str, str],
    reload: Reload | None,
) -> None:
    prepared = await preparing()
    for service in services:
        await service.start()
    say(addresses(stack, services) + prepared)
    gateway = {"GATEWAY_URL": stack.gateway_url} if any(one.name == GATEWAY for one in services) else {}
    with written(stack.folder, {**stack.environment(), **gateway, **extra}):
        async with asyncio.TaskGroup() as tasks:
            for server in stack.servers:
                tasks.create_task(keep_running(server, say))
            kept = KeptServices(services, tasks)
            if reload is not None:
                tasks.create_task(reload_on_change(stack.project.folder, partial(kept.replace, reload), say))


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

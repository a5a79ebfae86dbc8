"""Run the worker of a declared service: open what it needs, bind its handlers to that, close it at the end."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from nightshift.config.settings import Settings
from nightshift.contract.constraints import empty_body_error
from nightshift.contract.wire import service_of
from nightshift.messaging.job import Handler, Job
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.process_frame import process_parser, run_process
from nightshift.runtime.service import serve
from nightshift.runtime.supervisor import Supervisor
from nightshift.service.by_event import dispatching
from nightshift.service.declared import DeclaredHandler
from nightshift.service.resource import open_resources
from nightshift.service.service import Service
from nightshift.service.signature import DeclaredFunction
from nightshift.worker.policies import DEFAULT_POLICIES, Policies
from nightshift.worker.router import Route
from nightshift.worker.threads import COMPONENT, HandlerThreads, as_handler, is_plain


def run(
    service: Service,
    program: str = "",
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    policies: Policies = DEFAULT_POLICIES,
) -> int:
    """Run a worker until SIGTERM or Ctrl-C; return the exit code: 0 stopped, 1 broken, 2 wrong settings."""
    program = program or f"nightshift worker … --service {service.name}"
    parser = process_parser(
        program,
        f"Runs the jobs of the service {service.name} until SIGTERM or Ctrl-C. Any number of processes may run.",
        f"SLOTS=20 {program}",
        service.settings,
    )
    return run_process(
        service.name,
        service.settings,
        lambda settings, stop: serve_service(service, settings, stop, policies=policies),
        parser,
        arguments=arguments,
        environ=environ,
    )


async def serve_service(
    service: Service,
    settings: Settings,
    stop: asyncio.Event,
    *,
    policies: Policies = DEFAULT_POLICIES,
    supervision: type[Supervisor] = Supervisor,
) -> int:
    """Run a worker on this event loop until `stop` is set; return the exit code, 1 if something has failed."""
    build = functools.partial(bound_routes, service)
    return await serve(service.name, settings, build, stop, policies=policies, supervision=supervision)


@contextlib.asynccontextmanager
async def bound_routes(
    service: Service, settings: Settings, context: ServiceContext
) -> AsyncIterator[Mapping[str, Route]]:
    """Open the service's resources, and bind its handlers to them, as a composition root."""
    given = {
        "settings": settings,
        "database": context.database,
        "objects": context.objects,
        "publisher": context.publisher,
        "context": context,
    }
    threads = HandlerThreads(settings.slots)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(threads.close)
        given = await open_resources(service.resources.values(), given, stack)
        binding = Binding(service, given, threads)
        if any(is_plain(work.function) for one in service.handlers.values() for work in one.working()):
            context.resources[COMPONENT] = threads.probe
        yield {job_type: binding.route(handler) for job_type, handler in service.handlers.items()}


class Binding:
    """Binds the handlers of a service to what is given by name."""

    def __init__(self, service: Service, given: dict[str, Any], threads: HandlerThreads) -> None:
        self._service, self._given, self._threads = service, given, threads
        self._may_enqueue = frozenset(message.TYPE for message in service.publishes)

    def route(self, handler: DeclaredHandler) -> Route:
        """Return the route of a handler."""
        options, message = handler.options, handler.message
        run = self._working(handler)
        for hook in reversed(self._service.hooks):
            run = _around(contextlib.asynccontextmanager(self._bound(hook)), run)
        return Route(
            self._publishing_what_is_declared(run),
            options.decode or msgspec.json.Decoder(message).decode,
            options.inbox,
            options.timeout or message.TIMEOUT_SECONDS,
            options.retries or message.RETRIES,
            empty_body_error(message),
            None if handler.dead_letter is None else self._bound(handler.dead_letter),
        )

    def _working(self, handler: DeclaredHandler) -> Handler:
        run = as_handler(self._bound(handler.declared), self._threads)
        if not handler.by_event:
            return run
        table = {which: as_handler(self._bound(one), self._threads) for which, one in handler.by_event.items()}
        return dispatching(table, run)

    def _bound(self, declared: DeclaredFunction) -> Callable[..., Any]:
        return functools.partial(declared.function, **declared.arguments(self._given))

    def _publishing_what_is_declared(self, run: Handler) -> Handler:
        """Refuse what the broker would refuse, also where it has no permissions yet."""

        async def checked(message: Any, job: Job) -> None:
            await run(message, job)
            if job.follow_ups:
                self._check(follow_up.message.TYPE for follow_up in job.follow_ups)

        return checked

    def _check(self, job_types: Iterable[str]) -> None:
        name = self._service.name
        for job_type in job_types:
            if service_of(job_type) != name and job_type not in self._may_enqueue:
                raise UndeclaredJobError(
                    f"{job_type} is enqueued, and the service {name} does not declare it: "
                    f"name its message, Service({name!r}, publishes=[...])"
                )


class UndeclaredJobError(Exception):
    """A job is enqueued for a service, and its declaration does not say so; the text says what to write."""


def _around(hook: Callable[[Any, Job], contextlib.AbstractAsyncContextManager[None]], run: Handler) -> Handler:
    async def surrounded(message: Any, job: Job) -> None:
        async with hook(message, job):
            await run(message, job)

    return surrounded

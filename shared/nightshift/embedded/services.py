"""The services as processes of a stack."""

import asyncio
import contextlib
from collections.abc import Mapping
from importlib.util import find_spec

from nightshift.config.project import Project
from nightshift.embedded.processes.managed_process import ManagedProcess
from nightshift.embedded.processes.ports import LOOPBACK, free_ports, is_free
from nightshift.embedded.processes.process import PortTakenError
from nightshift.embedded.stack import Stack

SCHEDULER = "scheduler"
REPLICAS = {SCHEDULER: 2}
"""Two schedulers show that there is one event per due time all the same."""
GATEWAY, CONSOLE = "gateway", "console"
BUILT_IN = {SCHEDULER: "nightshift.scheduler", GATEWAY: "nightshift.gateway", CONSOLE: "nightshift.console"}
"""Services of the library; one of the project's own with the same name takes its place."""
_SERVING = ("httptools", "jinja2", "joserfc", "starlette", "uvicorn")
_NEEDED = {GATEWAY: _SERVING, CONSOLE: (*_SERVING, "rich")}
"""What has to be installed for those that come with an extra."""

DRAIN_SECONDS = 30.0
"""How long a service may take to stop: its own grace for jobs in flight, and a little more."""


class UnknownServiceError(Exception):
    """There is no such service; the text names those that there are."""


class Service(ManagedProcess):
    """A replica of a service on a stack. `extra` adds to its settings, or overrides them."""

    grace_seconds = DRAIN_SECONDS

    def __init__(self, stack: Stack, service: str, *, replica: int = 1, extra: Mapping[str, str] | None = None) -> None:
        self.name = service if replica == 1 else f"{service}-{replica}"
        self.log = stack.logs / f"{self.name}.log"
        self._stack = stack
        self._service = service
        # The stack's own ports are the first one's.
        further = {} if replica == 1 else {"GATEWAY_PORT": "0", "CONSOLE_PORT": "0"}
        self._extra = further | dict(extra or {})
        self._health_port = 0

    @property
    def health_url(self) -> str:
        """Root of /healthz, /readyz and /metrics of the current run."""
        return f"http://{LOOPBACK}:{self._health_port}"

    @property
    def is_built_in(self) -> bool:
        """Whether it is the library's."""
        return self._service not in self._stack.project.service_names()

    async def start(self) -> None:
        """Start its process, without waiting for anything. It keeps its health port as long as that is free."""
        if self.running:
            return
        if not self._health_port or not is_free(self._health_port):
            (self._health_port,) = free_ports(1)
        settings = {"HEALTH_PORT": str(self._health_port)} | self._extra
        self._process = self._stack.process(*self._program(), log=self.log, extra=settings)

    def _program(self) -> list[str]:
        """Return its module and arguments."""
        project = self._stack.project
        if self._service in project.declared:
            return ["nightshift.cli", "worker", project.contracts, "--service", self._service]
        return [BUILT_IN[self._service] if self.is_built_in else f"{project.services}.{self._service}"]

    async def ready(self, *, timeout_seconds: float = 30) -> None:
        """Return once it is ready to work.

        Raises:
            StartFailedError: it ended, or was not ready in time (and was killed); the text quotes its log.
        """
        try:
            await self.process.ready(self.is_ready, timeout_seconds=timeout_seconds)
        except PortTakenError:  # somebody has taken the health port since it was chosen
            self._health_port = 0
            await self.start()
            await self.process.ready(self.is_ready, timeout_seconds=timeout_seconds)

    async def is_ready(self) -> bool:
        """Return whether it is ready to work."""
        with contextlib.suppress(OSError):
            return await self._asked()
        return False

    async def _asked(self) -> bool:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK, self._health_port)
            try:
                writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()


def service_names(project: Project) -> list[str]:
    """Return the names of a project's services, and of the library's.

    Its gateway and its console are there where a module declares services, and their extras are installed.
    """
    own, built_in = project.service_names(), {SCHEDULER}
    if project.declared:
        built_in |= {name for name, needed in _NEEDED.items() if all(find_spec(one) for one in needed)}
    return sorted({*own, *built_in})


def all_services(
    stack: Stack, *, replicas: Mapping[str, int] | None = None, extra: Mapping[str, str] | None = None
) -> list[Service]:
    """Return all services, each in as many replicas as asked for (0 leaves it out), not started.

    Raises:
        UnknownServiceError: `replicas` names a service that does not exist.
    """
    known = service_names(stack.project)
    wanted = dict.fromkeys(known, 1) | REPLICAS
    for name in replicas or {}:
        if name not in known:
            raise UnknownServiceError(
                f"there is no service {name!r} in {stack.project.folder}; there are: {', '.join(known)}"
            )
    wanted |= replicas or {}
    return [
        Service(stack, name, replica=replica, extra=extra)
        for name, count in wanted.items()
        for replica in range(1, count + 1)
    ]

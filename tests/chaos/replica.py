"""One replica of a service under chaos: started again whenever it ends, as an orchestrator does."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Mapping

from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.stack import Stack

_PAUSE_SECONDS = 0.3


class Replica:
    """A process that is kept running; its ends are counted by exit code."""

    def __init__(self, stack: Stack, name: str, *command: str, extra: Mapping[str, str]) -> None:
        """`command` is a module and its arguments."""
        self.name, self.ends = name, Counter[int]()
        (self.health_port,) = free_ports(1)
        self._stack, self._command = stack, command
        self._extra = {"HEALTH_PORT": str(self.health_port), **extra}
        self._process: Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def process(self) -> Process:
        """The run in hand, or the last one."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started yet")
        return self._process

    def start(self) -> None:
        """Starts it and keeps it running."""
        self._run()
        self._keeping = asyncio.create_task(self._keep())

    async def kill(self) -> None:
        """Ends it as a power cut would; it is started again."""
        await self.process.kill()

    async def roll(self, *, grace_seconds: float = 40) -> int | None:
        """Asks it to end, as a rolling restart does; returns its exit code, or None when it had ended by itself."""
        process = self.process
        if process.exit_code is not None:
            return None
        return await process.stop(grace_seconds=grace_seconds)

    async def stop(self, *, grace_seconds: float = 40) -> None:
        """Ends it for good, in good order."""
        await self._leave_alone()
        if self._process is not None:
            await self._process.stop(grace_seconds=grace_seconds)

    async def destroy(self) -> None:
        """Ends it for good, at once."""
        await self._leave_alone()
        if self._process is not None:
            self._process.signal(signal.SIGCONT)
            await self._process.kill()

    async def answer(self, path: str) -> str:
        """What its health port answers; empty when it does not."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.health_port)
                try:
                    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                    return (await reader.read()).decode()
                finally:
                    writer.close()
        return ""

    def _run(self) -> None:
        module, *arguments = self._command
        log = self._stack.logs / f"{self.name}.log"
        self._process = self._stack.process(module, *arguments, log=log, extra=self._extra)

    async def _keep(self) -> None:
        while True:
            code = await self.process.wait()
            self.ends[code if code is not None else 0] += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            self._run()

    async def _leave_alone(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None

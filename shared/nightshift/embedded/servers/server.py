"""The common part of the stack's servers: a folder, and loopback ports that they keep."""

import abc
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.managed_process import ManagedProcess
from nightshift.embedded.processes.ports import LOOPBACK, free_ports, is_free
from nightshift.embedded.processes.process import PortTakenError, Process, StartFailedError

_TRIES = 5


class Server(ManagedProcess, abc.ABC):
    """A program that serves on loopback ports and keeps its state in `folder`.

    It remembers its ports in the folder: started there again, also by a later stack, it uses the same ones if they are
    free. They never change while this object lives, so that clients find it after `restart`, or `kill` and `start`.
    """

    ports_needed = 1
    usual_port: int | None = None
    """Used by a new server if it is free; otherwise, and if None, any free port."""

    def __init__(self, folder: Path, *, log: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.log = (log or folder / f"{self.name}.log").absolute()
        self._ports: list[int] = []

    @abc.abstractmethod
    def _command(self, ports: Sequence[int]) -> list[str | Path]:
        """Write what the program needs into the folder, and return its command line."""

    @abc.abstractmethod
    async def _answers(self) -> bool:
        """Return whether this server, and not another one on the same port, is ready."""

    def _environment(self) -> dict[str, str]:
        """Return the environment of the program, besides what any program needs."""
        return {}

    @property
    def port(self) -> int:
        """The port that clients use.

        Raises:
            StartFailedError: it was never started, so it has none.
        """
        if not self._ports:
            raise StartFailedError(f"{self.name} was not started yet: it has no port")
        return self._ports[0]

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and return when it is ready. It has the same ports as before, if it had any.

        Raises:
            ProgramMissingError: the program is not on this machine.
            StartFailedError: it did not become ready; the text quotes its log.
        """
        if self.running:
            return
        if self._ports:
            await self._start_on(self._ports)
            return
        for remaining in reversed(range(_TRIES)):
            ports = self._remembered_ports() or self._usual_ports() or self._choose_ports()
            try:
                await self._start_on(ports)
            except PortTakenError:
                self._port_file.unlink(missing_ok=True)
                if not remaining:
                    raise
            else:
                return

    async def restart(self) -> None:
        """Stop it gracefully, and start it on the same ports and state."""
        await self.stop()
        await self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers. Not on Windows."""
        self.process.pause()

    def resume(self) -> None:
        """Continue it after `pause`."""
        self.process.resume()

    def _usual_ports(self) -> list[int]:
        """Return the usual port and free ones for the rest; none if there is no usual one, or it is not free."""
        if self.usual_port is None or not is_free(self.usual_port):
            return []
        return [self.usual_port, *free_ports(self.ports_needed - 1)]

    async def _start_on(self, ports: Sequence[int]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._command(ports)
        self._port_file.write_text(json.dumps(list(ports)))
        environment = clean_environment() | self._environment()
        self._process = Process(self.name, command, log=self.log, cwd=self.folder, environment=environment)
        self._ports, before = list(ports), self._ports
        try:
            await self._process.ready(self._answers)
        except StartFailedError:
            self._ports = before
            raise

    async def _greeting(self) -> str:
        """Return the first line that the server sends to a client; for protocols that begin with one."""
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
            try:
                return (await reader.readline()).decode(errors="replace")
            finally:
                writer.close()
                await writer.wait_closed()

    def _choose_ports(self) -> list[int]:
        return free_ports(self.ports_needed)

    @property
    def _port_file(self) -> Path:
        return self.folder / "ports.json"

    def _remembered_ports(self) -> list[int] | None:
        """Return the ports of the last run in this folder, if all of them are free."""
        try:
            ports = [int(port) for port in json.loads(self._port_file.read_text())]
        except (OSError, ValueError, TypeError):
            return None
        return ports if len(ports) == self.ports_needed and all(map(is_free, ports)) else None

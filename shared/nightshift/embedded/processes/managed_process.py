"""The common part of servers and services: one process at a time, which can be stopped and started again."""

from nightshift.embedded.processes.process import Process, StartFailedError


class ManagedProcess:
    """The process of a program, which a subclass starts. `name` is used in messages."""

    name: str
    grace_seconds = 10.0
    """How long it may take to stop."""
    _process: Process | None = None

    @property
    def process(self) -> Process:
        """The current run, or the last one.

        Raises:
            StartFailedError: it was never started.
        """
        if self._process is None:
            raise StartFailedError(f"{self.name} was not started yet")
        return self._process

    @property
    def running(self) -> bool:
        """Whether its process is alive (a paused one is)."""
        return self._process is not None and self._process.exit_code is None

    async def is_ready(self) -> bool:
        """Return whether it can be used; a server is ready when `start` returns."""
        return self.running

    async def stop(self, *, grace_seconds: float | None = None) -> None:
        """Ask it to finish its work and end; does nothing if it is not running."""
        if self._process:
            await self._process.stop(grace_seconds=self.grace_seconds if grace_seconds is None else grace_seconds)

    async def kill(self) -> None:
        """Kill it."""
        if self._process:
            await self._process.kill()

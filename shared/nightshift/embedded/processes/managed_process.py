"""What servers and services have in common: one process at a time, which can be ended and started again."""

from nightshift.embedded.processes.process import Process, StartFailedError


class ManagedProcess:
    """The process of a program, if it was started; whoever inherits starts it. `name` is for messages."""

    name: str
    grace_seconds = 10.0
    """What it may take to end in good order."""
    _process: Process | None = None

    @property
    def process(self) -> Process:
        """The run in hand, or the last one.

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
        """Whether it can be used; of a server that runs, `start` has seen to that."""
        return self.running

    async def stop(self, *, grace_seconds: float | None = None) -> None:
        """Ask it to finish what it holds and end; nothing to do if it does not run."""
        if self._process:
            await self._process.stop(grace_seconds=self.grace_seconds if grace_seconds is None else grace_seconds)

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            await self._process.kill()

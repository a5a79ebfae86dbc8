"""The services of a running stack: kept running, announced when all are ready, replaced when the project changes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from nightshift.embedded.processes.supervisor import keep_running
from nightshift.embedded.services import Service

Reload = Callable[[], Awaitable[list[Service]]]
"""Brings the stack up to a change of the project, and returns the services that run it now."""
_POLL_SECONDS = 0.25
_POLLS_UNTIL_NOTICE = 80  # 20 seconds


def say(text: str) -> None:
    """Print a line; the terminal may be closed by now."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


class KeptServices:
    """The services that are kept running, until others take their place."""

    def __init__(self, services: list[Service], tasks: asyncio.TaskGroup) -> None:
        self._services, self._tasks = services, tasks
        self._keeping = self._keep()

    def _keep(self) -> list[asyncio.Task[None]]:
        keeping = [self._tasks.create_task(keep_running(service, say)) for service in self._services]
        return [*keeping, self._tasks.create_task(_announce(list(self._services)))]

    async def replace(self, reload: Reload) -> None:
        """Stop the services, and keep those running that `reload` returns. If it raises, nothing is stopped."""
        others = await reload()
        for keeping in self._keeping:
            keeping.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(service.stop() for service in self._services))
        self._services[:] = others
        self._keeping = self._keep()


async def _announce(services: Sequence[Service]) -> None:
    """Print when all services are ready, and which are not if that takes long."""
    polls_left = _POLLS_UNTIL_NOTICE
    while waiting := [service.name for service in services if not await service.is_ready()]:
        polls_left -= 1
        if polls_left == 0:
            say(f"Not ready yet: {', '.join(waiting)}. Their logs say why.")
        await asyncio.sleep(_POLL_SECONDS)
    say("Everything is ready. Stop with Ctrl-C.")

"""Which processes there are: asked with each look, heard as they answer. Nobody waits until all have."""

import asyncio

from nightshift.broker import Connection
from nightshift.cli.queries.discover_workers import QUIET_SECONDS, answer_in, in_order
from nightshift.topology.discovery import HERE, PING, WorkerInfo

_READY_SECONDS = 5.0


class Presence:
    """Keeps the answers to the last question, and to the one before it: those to the last may still be on their way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listens = False
        self._before: dict[str, WorkerInfo] = {}
        self._answers: dict[str, WorkerInfo] = {}

    async def ask(self) -> None:
        """Ask all; the first time, wait for their answers.

        Raises:
            Unavailable: the broker is unavailable.
        """
        await self._connection.ready(_READY_SECONDS)
        first = not self._listens
        if first:
            await self._connection.listen(f"{HERE}.>", self._receive)
            self._listens = True
        self._before, self._answers = self._answers, {}
        self._connection.send(PING.encode())
        if first:
            await asyncio.sleep(QUIET_SECONDS)

    @property
    def here(self) -> list[WorkerInfo]:
        """Every process that has answered, by service and name; one that has ended is gone after two questions."""
        return in_order({**self._before, **self._answers}.values())

    def _receive(self, _subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        if (worker := answer_in(body)) is not None:
            self._answers[worker.name] = worker

"""Discover the running processes: ask all of them at once and collect the answers."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from nightshift.broker import Connection
from nightshift.topology.discovery import CHECKS_SECONDS, HERE, PING, Ping, WorkerInfo

_LONGEST = 1.0  # seconds
QUIET_SECONDS = 0.25
"""When nobody has answered for so long, all have; a worker whose event loop is blocked does not count as running."""
_LONGEST_WITH_CHECKS = CHECKS_SECONDS + 1
_decode = msgspec.json.Decoder(WorkerInfo).decode


class _Answers:
    """The newest answer of each process, and when the last one came."""

    def __init__(self) -> None:
        self.by_name = dict[str, WorkerInfo]()
        self.heard = time.monotonic()

    def receive(self, _subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        """Take one answer; ignore what is none."""
        if (worker := answer_in(body)) is not None:
            self.by_name[worker.name] = worker
            self.heard = time.monotonic()


async def running_workers(connection: Connection) -> list[WorkerInfo]:
    """Return every process that answers, by service and name."""
    return await _ask(connection, b"", lambda answers: time.monotonic() - answers.heard >= QUIET_SECONDS, _LONGEST)


async def check_workers(connection: Connection, running: Sequence[WorkerInfo]) -> list[WorkerInfo]:
    """Ask processes to check their outside dependencies; return their answers once all of `running` gave theirs.

    One that has not answered in time is missing; one of an older version has no `checks` in its answer.
    """
    names = {worker.name for worker in running}

    def complete(answers: _Answers) -> bool:
        return names <= {name for name, worker in answers.by_name.items() if worker.checks is not None}

    return await _ask(connection, msgspec.json.encode(Ping(checks=True)), complete, _LONGEST_WITH_CHECKS)


async def _ask(
    connection: Connection, question: bytes, complete: Callable[[_Answers], bool], longest: float
) -> list[WorkerInfo]:
    answers = _Answers()
    sid = await connection.listen(f"{HERE}.>", answers.receive)
    try:
        connection.send(PING.encode(), question)
        await connection.answers(_LONGEST)  # a broker that is slow is asked all the same
        began = answers.heard = time.monotonic()
        while time.monotonic() - began < longest and not complete(answers):  # noqa: ASYNC110 - silence sets no event
            await asyncio.sleep(0.02)
    finally:
        await connection.unlisten(sid)
    return in_order(answers.by_name.values())


def answer_in(body: bytes) -> WorkerInfo | None:
    """Return the process that a message tells of; None if it is no such answer."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def in_order(workers: Iterable[WorkerInfo]) -> list[WorkerInfo]:
    """Return processes by service and name."""
    return sorted(workers, key=lambda worker: (worker.service, worker.host, worker.pid))


def workers_of(all_workers: Sequence[WorkerInfo], service: str) -> list[WorkerInfo]:
    """Return those of one service."""
    return [worker for worker in all_workers if worker.service == service]

"""Asks which workers there are, and gathers their answers."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from nightshift.broker import Connection
from nightshift.topology.discovery import HERE, PING, WorkerInfo

_LONGEST = 1.0  # seconds
_QUIET = 0.25  # seconds
"""When nobody has answered for so long, all have; a worker whose event loop stands still does not count as alive."""
_decode = msgspec.json.Decoder(WorkerInfo).decode


async def workers(connection: Connection) -> list[WorkerInfo]:
    """Every process that answers, by service and name."""
    found = dict[str, WorkerInfo]()
    heard = time.monotonic()

    def take(_subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        nonlocal heard
        try:
            worker = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # not one of ours
            return
        found[worker.name] = worker
        heard = time.monotonic()

    sid = await connection.listen(f"{HERE}.>", take)
    try:
        began = time.monotonic()
        connection.send(PING.encode())
        await connection.flush()
        heard = time.monotonic()
        # The end is a silence, of which no event tells.
        while (now := time.monotonic()) - began < _LONGEST and now - heard < _QUIET:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
    finally:
        await connection.unlisten(sid)
    return sorted(found.values(), key=lambda worker: (worker.service, worker.host, worker.pid))


def of_service(all_workers: Sequence[WorkerInfo], service: str) -> list[WorkerInfo]:
    """Those of one service."""
    return [worker for worker in all_workers if worker.service == service]

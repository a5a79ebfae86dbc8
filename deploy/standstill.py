"""All consumers of the broker, made to stand still for a while: nothing is delivered, and nothing is in flight.

Producers are not refused, and what comes due goes on into its queue. Whoever dies meanwhile leaves consumers that go on
by themselves after some minutes.

A job that a stopping worker released, or that came to one that was already gone, counts as unacknowledged until it is
delivered again, which a pause forbids. So what nobody has acknowledged or prolonged for a consumer's `ack_wait` is not
in flight: the broker itself would deliver it to somebody else.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import manage
from nightshift.instants import rfc3339, utc_now
from nightshift.outcomes import Unavailable

_AT_MOST = timedelta(minutes=15)
_LOOK_SECONDS, _APPEARS_SECONDS = 0.2, 30.0
_LIST_SECONDS = 10.0
"""The broker itself waits four seconds for the others."""
_NO_CONSUMER = 10014


class StillBusyError(Exception):
    """Jobs were in flight for too long; the text says where. Everything goes on."""


@asynccontextmanager
async def standstill(
    connection: Connection, streams: Sequence[str], patience_seconds: float
) -> AsyncIterator[Mapping[str, list[str]]]:
    """Pause the consumers of these streams; yields those that nobody had paused before, by stream.

    Raises:
        StillBusyError: a job took longer than `patience_seconds`.
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    running = {
        stream: [one["name"] for one in await _consumers(connection, stream) if not one.get("paused")]
        for stream in streams
    }
    ours = [(stream, consumer) for stream, those in running.items() for consumer in those]
    until = rfc3339(utc_now() + _AT_MOST)
    try:
        for stream, consumer in ours:
            await manage(connection, f"CONSUMER.PAUSE.{stream}.{consumer}", {"pause_until": until})
        async with _heard(connection, streams) as heard:
            await _until_idle(connection, streams, patience_seconds, heard)
        yield running
    finally:
        for stream, consumer in ours:
            await resume(connection, stream, consumer)


async def resume(connection: Connection, stream: str, consumer: str) -> None:
    """Let a consumer go on; one of a stream that several brokers have just made may not be there yet.

    It goes on at return: who asks a moment later whom nobody has paused, finds it among them.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    deadline = time.monotonic() + _APPEARS_SECONDS
    while True:
        try:
            await manage(connection, f"CONSUMER.PAUSE.{stream}.{consumer}", {})
            if not (await manage(connection, f"CONSUMER.INFO.{stream}.{consumer}")).get("paused"):
                return
        except BrokerRefusedError as refused:
            if refused.code != _NO_CONSUMER or time.monotonic() > deadline:
                raise
        except Unavailable:  # several brokers may be electing its leader
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise Unavailable("broker", f"the consumer {consumer} of {stream} does not go on: resume it")
        await asyncio.sleep(_LOOK_SECONDS)


async def _consumers(connection: Connection, stream: str) -> list[dict[str, Any]]:
    """Return what is known of a stream's consumers: all of them, also while one of several brokers does not answer."""
    deadline = time.monotonic() + _APPEARS_SECONDS
    while True:
        answer = await manage(connection, f"CONSUMER.LIST.{stream}", timeout_seconds=_LIST_SECONDS)
        missing = answer.get("missing")
        if not missing:
            return list(answer.get("consumers") or [])
        if time.monotonic() > deadline:
            raise Unavailable("broker", f"the one that leads {', '.join(missing)} of {stream} does not answer")
        await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def _heard(connection: Connection, streams: Sequence[str]) -> AsyncIterator[Mapping[tuple[str, str], float]]:
    """Listen to what workers tell the broker of jobs in flight; yields when each consumer was last heard of, or now.

    A subject is `$JS.ACK.`, from some brokers on domain and account, and then stream, consumer and figures (ADR-15).
    """
    began = time.monotonic()
    heard: defaultdict[tuple[str, str], float] = defaultdict(lambda: began)

    def receive(stream: str, position: int, subject: bytes, _reply: bytes, _header: bytes, _body: bytes) -> None:
        heard[stream, subject.decode().split(".")[position]] = time.monotonic()

    listening = [
        await connection.listen(f"$JS.ACK.{place}{stream}.>", partial(receive, stream, position))
        for stream in streams
        for place, position in (("", 3), ("*.*.", 5))
    ]
    try:
        yield heard
    finally:
        for sid in listening:
            await connection.unlisten(sid)


async def _until_idle(
    connection: Connection, streams: Sequence[str], patience_seconds: float, heard: Mapping[tuple[str, str], float]
) -> None:
    deadline = time.monotonic() + patience_seconds

    def in_flight(stream: str, one: Mapping[str, Any]) -> bool:
        silent_seconds = time.monotonic() - heard[stream, one["name"]]
        return bool(one["num_ack_pending"]) and silent_seconds <= one["config"]["ack_wait"] / 1e9

    while busy := [
        f"{one['num_ack_pending']} of {one['name']} on {stream}"
        for stream in streams
        for one in await _consumers(connection, stream)
        if in_flight(stream, one)
    ]:
        if time.monotonic() > deadline:
            raise StillBusyError(f"jobs are in flight for over {patience_seconds:g} s ({', '.join(busy)})")
        await asyncio.sleep(_LOOK_SECONDS)

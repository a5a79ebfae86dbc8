"""One stream of the broker, with its consumers, into files and back: JetStream's own snapshots.

Two files each: `EMAIL.json`, its configuration and state, and `EMAIL.data`, what the broker says that it holds.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
from nats.errors import NoRespondersError

from nightshift.broker import Connection
from nightshift.broker.errors import BrokerRefusedError, refusal
from nightshift.broker.headers import STATUS, decode
from nightshift.broker.jetstream import CHANGE_SECONDS, manage
from nightshift.broker.message import Reply
from nightshift.outcomes import Unavailable

_CHUNK = 128 * 1024
_SILENCE_SECONDS = 60.0
"""After so long without a piece the broker is taken for gone; large streams are checked before the first one."""
_PAUSE_SECONDS, _AGAIN_SECONDS = 1.0, 15.0
"""Before what was begun of a stream is taken back, and for how long it is begun anew."""
_NOT_FOUND = 10059


class Copy(msgspec.Struct, frozen=True):
    """What is known of a stream beside what it holds."""

    config: dict[str, Any]
    state: dict[str, Any]
    running: list[str]
    """Consumers that nobody had paused."""


async def save(connection: Connection, stream: str, folder: Path, running: list[str]) -> Copy:
    """Write a stream and its consumers into a folder.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    pieces: asyncio.Queue[tuple[bytes, bytes, bytes]] = asyncio.Queue()

    def receive(_subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        pieces.put_nowait((reply, header, body))

    inbox = connection.new_inbox()
    sid = await connection.listen(inbox, receive)
    try:
        answer = await manage(
            connection, f"STREAM.SNAPSHOT.{stream}", {"deliver_subject": inbox, "chunk_size": _CHUNK, "jsck": True}
        )
        with (folder / f"{stream}.data").open("wb") as file:
            while piece := await _next(connection, stream, pieces):
                await asyncio.to_thread(file.write, piece)
    finally:
        await connection.unlisten(sid)
    copy = Copy(answer["config"], answer["state"], running)
    (folder / f"{stream}.json").write_bytes(msgspec.json.format(msgspec.json.encode(copy)))
    return copy


async def _next(connection: Connection, stream: str, pieces: asyncio.Queue[tuple[bytes, bytes, bytes]]) -> bytes:
    """Return the next piece, and ask for one more; empty at the end."""
    try:
        async with asyncio.timeout(_SILENCE_SECONDS):
            reply, header, body = await pieces.get()
    except TimeoutError:
        raise Unavailable("broker", f"nothing more came of {stream} for {_SILENCE_SECONDS:g} s") from None
    status = decode(header).get(STATUS, "") if header else ""
    if not body and status not in {"", "204"}:
        raise Unavailable("broker", f"it ended the copy of {stream} with status {status}")
    if reply:  # not every piece asks whether there is room for more
        connection.send(reply)
    return body


async def load(connection: Connection, stream: str, folder: Path, replicas: int) -> Copy:
    """Make a stream of what was saved, in as many copies as said.

    Brokers that take no more of it, and have nothing of it yet, as when the stream's leader changes, are asked to begin
    anew.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses: there may be such a stream.
    """
    copy = msgspec.json.decode((folder / f"{stream}.json").read_bytes(), type=Copy)
    config = {**copy.config, "num_replicas": replicas}
    deadline = time.monotonic() + _AGAIN_SECONDS
    while True:
        answer = await manage(connection, f"STREAM.RESTORE.{stream}", {"config": config, "state": copy.state})
        try:
            last = await _send(connection, str(answer["deliver_subject"]), folder / f"{stream}.data")
            break
        except NoRespondersError:
            if time.monotonic() > deadline or not await _taken_back(connection, stream):
                why = f"it takes no more of {stream}: it may have had such a stream before"
                raise Unavailable("broker", why) from None
    made = msgspec.json.decode(last.body, type=dict[str, Any])
    if "error" in made:
        raise refusal(stream, made["error"])
    return copy


async def _taken_back(connection: Connection, stream: str) -> bool:
    """Remove what was begun of a stream, and has its name; return False if there is one that holds something."""
    await asyncio.sleep(_PAUSE_SECONDS)
    for call in (f"STREAM.INFO.{stream}", f"STREAM.DELETE.{stream}"):
        try:
            answer = await manage(connection, call, timeout_seconds=CHANGE_SECONDS)
        except BrokerRefusedError as refused:
            if refused.code != _NOT_FOUND:
                raise
        else:
            if answer.get("state", {}).get("messages", 0):
                return False
    return True


async def _send(connection: Connection, target: str, file: Path) -> Reply:
    with file.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, _CHUNK):
            await connection.ask(target, piece, timeout_seconds=_SILENCE_SECONDS)
    return await connection.ask(target, b"", timeout_seconds=_SILENCE_SECONDS)

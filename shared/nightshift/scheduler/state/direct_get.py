"""Reads many messages of a stream with one request (JetStream direct get, ADR-31)."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from nightshift.broker import Connection
from nightshift.broker.headers import DESCRIPTION, STATUS, Headers, decode
from nightshift.outcomes import Unavailable

_END, _NONE = "204", "404"
_NO_ANSWER = "503"
_SEQUENCE = re.compile(r"[0-9]{1,20}")


class StoredEvent(msgspec.Struct, frozen=True):
    """One stored message."""

    subject: str
    sequence: int
    body: bytes


class Answers:
    """Collects the answers to one request until the last one."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._found: list[StoredEvent] = []
        self.done: asyncio.Future[list[StoredEvent]] = asyncio.get_running_loop().create_future()

    def receive(self, _subject: bytes, _reply: bytes, header: bytes, body: bytes) -> None:
        """Takes one answer; never raises."""
        headers = decode(header) if header else Headers()
        status = headers.get(STATUS)
        if self.done.done():
            return
        if status is None:
            sequence = headers.get("Nats-Sequence", "")
            if not _SEQUENCE.fullmatch(sequence):
                self.done.set_exception(Unavailable("broker", "direct get: a message without its sequence"))
                return
            self._found.append(StoredEvent(headers.get("Nats-Subject", ""), int(sequence), body))
        elif status in (_END, _NONE):
            self.done.set_result(self._found)
        elif status == _NO_ANSWER:
            self.done.set_exception(
                Unavailable("broker", f"no stream {self._stream} answers direct gets (has `provision` been run?)")
            )
        else:
            self.done.set_exception(Unavailable("broker", f"direct get: {status} {headers.get(DESCRIPTION, '')}"))


async def direct_get(
    connection: Connection, stream: str, request: Mapping[str, Any], *, timeout_seconds: float = 5.0
) -> list[StoredEvent]:
    """Returns the messages that the request asks for; fewer than there are when an answer would be too large.

    Raises:
        Unavailable: the broker is away, or there is no such stream that allows direct gets.
    """
    inbox = connection.new_inbox()
    answers = Answers(stream)
    try:
        async with asyncio.timeout(timeout_seconds):
            await connection.up.wait()
            listening = await connection.listen(inbox, answers.receive)
            try:
                subject = f"$JS.API.DIRECT.GET.{stream}".encode()
                connection.send(subject, msgspec.json.encode(request), inbox.encode())
                return await answers.done
            finally:
                await connection.unlisten(listening)
    except TimeoutError:
        raise Unavailable("broker", f"no answer from stream {stream} within {timeout_seconds:g} s") from None

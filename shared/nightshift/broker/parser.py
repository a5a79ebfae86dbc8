"""Reader of the broker's protocol.

It replaces the client library's parser for two reasons. No message may stop a worker: the broker delivers subjects
with form feeds or bytes that are not UTF-8, and header blocks that are garbage, each of which ends the library's read
loop for good. And a worker's messages go straight to its pull, without a queue and a task in between.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from nats.aio.client import DEFAULT_BUFFER_SIZE
from nats.errors import ProtocolError

from nightshift.broker.patched_client import PatchedClient
from nightshift.observability.log import get_logger

Receive = Callable[[bytes, bytes, bytes, bytes], None]
"""A function of subject, reply, header block and body of one message, as bytes; must neither block nor raise."""

_MAX_LINE = 1 << 20
_MAX_MESSAGE = 64 << 20
"""No nats-server accepts a larger one (`max_payload`)."""
_NONE_OR_ONE = (0, 1)
_log = get_logger("broker")


class Parser:
    """A drop-in for `nats.protocol.parser.Parser`, fed by the client's read loop.

    `direct` maps a subscription's id to the function that takes its messages; the client gets those of all others.
    """

    def __init__(self, client: PatchedClient, direct: Mapping[int, Receive]) -> None:
        self._client, self._direct = client, direct
        self._at_end: list[Callable[[], None]] = []
        self.reset()

    def at_end(self, function: Callable[[], None]) -> None:
        """Call a function, which must not raise, once all that has come by now is read."""
        self._at_end.append(function)

    def reset(self) -> None:
        """Forget a message of which only a part was read: its connection is gone."""
        self._hold(b"")

    def _hold(self, rest: bytes, needed: int = 0) -> None:
        """Keep the beginning of a message until `needed` bytes have come."""
        self._held = [rest] if rest else []
        self._size, self._needed = len(rest), needed

    async def parse(self, data: bytes = b"") -> None:
        """Handle every complete message in what was read so far, in order.

        Raises:
            ProtocolError: what arrived is not the NATS protocol; the client reconnects. Nothing else is ever raised,
                because that would end the client's read loop for good.
        """
        self._held.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return
        try:
            await self._read(self._held[0] if len(self._held) == 1 else b"".join(self._held))
        except Exception as error:
            _log.warning("unreadable", "What the broker sent is not its protocol: connecting anew", error=repr(error))
            raise error if isinstance(error, ProtocolError) else ProtocolError from error
        finally:
            if self._at_end:
                self._end(data)

    def _end(self, data: bytes) -> None:
        if len(data) < DEFAULT_BUFFER_SIZE:
            self._call()
        else:  # there may be more, which the client reads before the event loop's next turn
            asyncio.get_running_loop().call_soon(self._call)

    def _call(self) -> None:
        functions, self._at_end = self._at_end, []
        for function in functions:
            try:
                function()
            except Exception:  # noqa: BLE001 - nor must this end the reading
                _log.exception("receive_failed", "What was read could not be taken: an error of ours")

    async def _read(self, buffer: bytes) -> None:
        direct = self._direct
        position = needed = 0
        while (end := buffer.find(b"\r\n", position)) >= 0:
            line = buffer[position:end].split(b" ")
            if line[0] == b"HMSG":
                fields, header = 5, int(line[-2])
            elif line[0] == b"MSG":
                fields, header = 4, 0
            else:
                self._hold(buffer[end + 2 :])  # first, because it may reset us: the connection is broken then
                await self._operate(buffer[position:end])
                buffer, position = b"".join(self._held), 0
                continue
            total, has_reply = int(line[-1]), len(line) - fields
            if not 0 <= header <= total <= _MAX_MESSAGE or has_reply not in _NONE_OR_ONE:
                raise ProtocolError
            body = end + 2
            after = body + total
            if len(buffer) < after + 2:
                needed = after + 2 - position
                break
            start, position = body + header, after + 2
            message = line[1], line[3] if has_reply else b"", buffer[body:start], buffer[start:after]
            receive = direct.get(int(line[2]))
            if receive is None:
                await self._client.deliver(int(line[2]), *message)
                continue
            try:
                receive(*message)
            except Exception:  # noqa: BLE001 - one message must not end the reading of all others
                _log.exception("receive_failed", f"A message on {line[1]!r} could not be taken: an error of ours")
        self._hold(buffer[position:], needed)
        if not needed and self._size > _MAX_LINE:
            raise ProtocolError

    async def _operate(self, line: bytes) -> None:
        client: Any = self._client
        name, _, argument = line.partition(b" ")
        match name.upper():
            case b"PING":
                await client._process_ping()  # noqa: SLF001 - the library's parser calls these too
            case b"PONG":
                await client._process_pong()  # noqa: SLF001
            case b"+OK":
                pass
            case b"-ERR":
                await client._process_err(argument.decode("utf-8", "replace").lower())  # noqa: SLF001
            case b"INFO":
                await client._process_info(msgspec.json.decode(argument))  # noqa: SLF001
            case _:
                raise ProtocolError

"""Reads the broker's protocol from the socket.

It stands in for the client library's parser for two reasons. Anybody's message must not fell a worker: the broker
delivers subjects with form feeds or bytes that are no UTF-8, and header blocks that are garbage, each of which ends
the library's read loop for good. And a worker's messages go straight to its pull, without a queue and a task between.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from nats.errors import ProtocolError

if TYPE_CHECKING:
    from shared.broker.connection import Connection

_MAX_LINE = 1 << 20
_HMSG, _MSG = ord("H"), ord("M")


class Parser:
    """A drop-in for `nats.protocol.parser.Parser`, fed by the client's read loop."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rest = b""

    def reset(self) -> None:
        """Forgets a half-read message: its connection is gone."""
        self._rest = b""

    async def parse(self, data: bytes = b"") -> None:
        """Handles every complete message in what was read so far, in order.

        Raises:
            ProtocolError: what arrived is not the NATS protocol; the client reconnects.
        """
        buffer = self._rest + data if self._rest else data
        direct = self._connection.direct
        position = 0
        while (end := buffer.find(b"\r\n", position)) >= 0:
            kind = buffer[position]
            if kind in (_MSG, _HMSG):
                line = buffer[position:end].split(b" ")
                body = end + 2
                total = int(line[-1])
                after = body + total
                if len(buffer) < after + 2:
                    break
                start = body + (int(line[-2]) if kind == _HMSG else 0)
                reply = line[3] if len(line) == (6 if kind == _HMSG else 5) else b""
                position = after + 2
                message = (line[1], reply, buffer[body:start], buffer[start:after])
                receive = direct.get(int(line[2]))
                if receive is not None:
                    receive(*message)
                else:
                    await self._connection.deliver(int(line[2]), *message)
            else:
                operation = buffer[position:end]
                position = end + 2
                await self._operate(operation)
        self._rest = buffer[position:]
        if len(self._rest) > _MAX_LINE and b"\r\n" not in self._rest[:_MAX_LINE]:
            raise ProtocolError

    async def _operate(self, line: bytes) -> None:
        client: Any = self._connection
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

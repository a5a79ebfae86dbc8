"""nats-py's client with patches: each docstring says what the library's own method gets wrong."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from nats.aio.client import PING_PROTO, Client, Srv
from nats.aio.transport import TcpTransport
from nats.errors import Error

from nightshift.broker.headers import decode


class TlsNotOfferedError(Error):
    """The server offers no TLS, though the settings ask for it."""

    def __init__(self) -> None:
        super().__init__("it offers no TLS, which NATS_URL (tls://) or NATS_CA_FILE ask for: nothing was sent to it")


_CLOSED = (RuntimeError, TypeError)
"""Raised by a write to a closed connection: by uvloop, and by Python 3.12 and 3.13."""


class PatchedClient(Client):
    """nats-py's client (2.16) that neither fails while closing nor stops reading."""

    async def deliver(self, sid: int, subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        """Give a message to an ordinary subscription of the library, with everything in it decodable."""
        headers: Any = decode(header) if header else None
        subscription = self._subs.get(sid)
        if subscription is None:
            return
        message = self._build_message(sid, _readable(subject), _readable(reply), body, headers)
        with contextlib.suppress(asyncio.QueueFull):
            if subscription._future is not None:  # noqa: SLF001 - as the library's own dispatch does
                if not subscription._future.done():  # noqa: SLF001
                    subscription._future.set_result(message)  # noqa: SLF001
                return
            subscription._pending_queue.put_nowait(message)  # noqa: SLF001
            subscription._pending_size += len(body)  # noqa: SLF001

    async def _connect_to_server(self, s: Srv) -> None:
        """End when cancelled, whatever comes at that moment: the library takes it for a failed attempt, and goes on."""
        with _cancellation_kept():
            await super()._connect_to_server(s)

    async def _process_connect_init(self) -> None:
        """Greet the broker and close the transport if that fails: the library leaks one with each attempt."""
        transport = self._transport
        try:
            with _cancellation_kept():
                await super()._process_connect_init()
        except BaseException as error:
            if transport is not None:
                transport.close()  # type: ignore[no-untyped-call]  # the library annotates some of it
            if isinstance(error, (Error, OSError)) or not isinstance(error, Exception):
                raise
            # The library stops reconnecting at an exception that it does not know.
            raise Error(f"no greeting (is it a broker, are our credentials whole?): {error!r}") from error
        if isinstance(transport, TcpTransport):
            _tell_of_tls(transport)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """Insist on TLS where the settings ask for it: the library believes what the server says about it."""
        if initial_connection and self._wants_tls():
            if self._scheme == "ws" or not (info.get("tls_required") or info.get("tls_available")):
                raise TlsNotOfferedError
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    @property
    def _scheme(self) -> str:
        return str(self._current_server.uri.scheme) if self._current_server else ""

    def _wants_tls(self) -> bool:
        # wss:// is encrypted before anything is said.
        return self._scheme == "tls" or (self._scheme != "wss" and "tls" in self.options)

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """Close without failing: the library raises when something is still to be sent to an unavailable broker."""
        try:
            await super()._close(status, do_cbs)
        except (OSError, *_CLOSED):
            self._pending, self._pending_data_size = [], 0
            self._status = Client.DISCONNECTED
            await super()._close(status, do_cbs)

    async def _flusher(self) -> None:
        """End at a closed connection, whatever it raises: the library knows one of the exceptions."""
        with contextlib.suppress(*_CLOSED):
            await super()._flusher()

    async def _send_ping(self, future: "asyncio.Future[bool] | None" = None) -> None:
        """Send a ping behind all that is to be sent: the library's overtakes it, and `flush` returns too early."""
        self._pongs.append(asyncio.get_running_loop().create_future() if future is None else future)
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    async def _process_pong(self) -> None:
        """Take the answer to a ping, also when nobody waits for it any more: the library fails then."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()


@contextlib.contextmanager
def _cancellation_kept() -> Iterator[None]:
    """Raise the cancellation that came meanwhile: Python 3.11's `wait_for` may have ended by something else."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def _tell_of_tls(transport: TcpTransport) -> None:
    """Tell the stream's protocol that its connection went over to TLS, which the library leaves out.

    It bounds what it reads ahead by it, and ends without a warning of asyncio's when the broker goes away.
    """
    upgraded = transport._io_writer  # noqa: SLF001 - the library has no other way to it
    if upgraded is not None and upgraded is not transport._bare_io_writer:  # noqa: SLF001 - as above
        upgraded.transport.get_protocol().connection_made(upgraded.transport)


def _readable(subject: bytes) -> bytes:
    """Return a subject as UTF-8 whatever it was: the library decodes it strictly."""
    return subject.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace")

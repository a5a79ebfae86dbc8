"""The client library with what we found wanting in it mended: each method says what the library's own does."""

import asyncio
import contextlib
from typing import Any

from nats.aio.client import PING_PROTO, Client
from nats.errors import Error

from nightshift.broker.headers import decode


class TlsNotOfferedError(Error):
    """Whoever answers offers no TLS, though the settings ask for it."""

    def __init__(self) -> None:
        super().__init__("it offers no TLS, which NATS_URL (tls://) or NATS_CA_FILE ask for: nothing was sent to it")


_CLOSED = (RuntimeError, TypeError)
"""What a closed connection raises when it is written to: uvloop's, and that of Python 3.12 and 3.13."""


class PatchedClient(Client):
    """nats-py's client (2.16), which neither fails while closing nor becomes deaf."""

    async def deliver(self, sid: int, subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        """Hands a message to an ordinary subscription of the library, with everything in it decodable."""
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

    async def _process_connect_init(self) -> None:
        """Greets the broker; where that fails the way there is closed: the library leaves it open, at each try."""
        transport = self._transport
        try:
            await super()._process_connect_init()
        except BaseException as error:
            if transport is not None:
                transport.close()  # type: ignore[no-untyped-call]  # the library annotates some of it
            if isinstance(error, (Error, OSError)) or not isinstance(error, Exception):
                raise
            # The library's loop of tries ends at what it does not know.
            raise Error(f"no greeting (is it a broker, are our credentials whole?): {error!r}") from error

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """Insists on TLS where the settings ask for it: the library goes by what whoever answers says about it."""
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
        """Closes without fail: the library's raises when something is still to be sent to a broker that is away."""
        try:
            await super()._close(status, do_cbs)
        except (OSError, *_CLOSED):
            self._pending, self._pending_data_size = [], 0
            self._status = Client.DISCONNECTED
            await super()._close(status, do_cbs)

    async def _flusher(self) -> None:
        """Ends at a connection that is closed, whatever is raised then: the library's knows one of the words."""
        with contextlib.suppress(*_CLOSED):
            await super()._flusher()

    async def _send_ping(self, future: "asyncio.Future[bool] | None" = None) -> None:
        """Sends a ping behind all that is still to be sent; the library's overtakes it, and `flush` says too much."""
        self._pongs.append(asyncio.get_running_loop().create_future() if future is None else future)
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    async def _process_pong(self) -> None:
        """Takes the answer to a ping, also when nobody waits for it any more: the library's own fails then."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()


def _readable(subject: bytes) -> bytes:
    """A subject as UTF-8 whatever it was: the library decodes it strictly."""
    return subject.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace")

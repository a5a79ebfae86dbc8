"""Writing answers in one piece, and closing a connection so that its client sees the last of them.

Head and body of an answer are written one after the other, which would be two calls into the system: what is written in
one iteration of the event loop goes out together.

Whoever closes a socket while bytes come in resets it, and the client's system may then throw away the answer that it
has not read yet. So what comes in is read and dropped for a moment, after the end of our own side has been sent.
"""

import asyncio
import contextlib
from collections.abc import Callable

from nightshift.http.connection_limits import ConnectionLimits

_MOST_HELD = 64 * 1024
"""Bytes that wait for the end of an iteration; with more, flow control has to see them."""


class LingeringTransport:
    """A transport whose `close` drops for a moment what still comes in, if `is_receiving` says that something does."""

    def __init__(self, real: asyncio.Transport, limits: ConnectionLimits, is_receiving: Callable[[], bool]) -> None:
        self.real, self._limits, self._is_receiving = real, limits, is_receiving
        self._since: float | None = None
        self._dropped = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._loop = asyncio.get_running_loop()
        self.abort = real.abort
        self.pause_reading, self.resume_reading = real.pause_reading, real.resume_reading
        self.get_extra_info = real.get_extra_info

    @property
    def lingers(self) -> bool:
        """Whether it is closed to us, and only drops what comes in."""
        return self._since is not None

    def is_closing(self) -> bool:
        """Return whether nothing more can be answered."""
        return self.lingers or self.real.is_closing()

    def write(self, data: bytes) -> None:
        """Write, together with what else is written in this iteration of the event loop."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > _MOST_HELD:
            self.flush()

    def flush(self) -> None:
        """Let go out what was written."""
        held, self._held, self._held_bytes = self._held, [], 0
        if held:
            self.real.writelines(held)

    def close(self) -> None:
        """Close now, or after a moment; what was written before goes out."""
        self.flush()
        if self.is_closing():
            return
        if not self._is_receiving():
            self.real.close()
            return
        self._since = asyncio.get_running_loop().time()
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):  # the client has gone already
            if self.real.can_write_eof():  # not over TLS
                self.real.write_eof()
            self.real.resume_reading()

    def drop(self, size: int) -> None:
        """Count bytes that came in and are dropped; too many end it."""
        self._dropped += size
        if self._dropped > self._limits.linger_bytes:
            self.real.close()

    def enforce(self, now: float) -> None:
        """End it when its time is over."""
        if self._since is not None and now - self._since > self._limits.linger_seconds:
            self.real.close()

"""The bytes of an upload as they pass: counted, hashed, and held to what was said about them."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

from nightshift.gateway.problems import Problem

_PULSE_SECONDS = 10.0


class Receipt:
    """Passes an upload on; afterwards `size` (bytes) and `checksum` (SHA-256, hexadecimal) are what came."""

    def __init__(
        self,
        *,
        limit: int,
        allowance: int | None,
        digest: bytes | None,
        pulse: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`allowance` is what the quota leaves; `pulse` is called now and then while bytes come."""
        self._limit, self._allowance, self._digest, self._pulse = limit, allowance, digest, pulse
        self._hash = hashlib.sha256()
        self._pulsed = monotonic()
        self.size = 0

    @property
    def checksum(self) -> str:
        """The SHA-256 of what has come."""
        return self._hash.hexdigest()

    async def pass_on(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces.

        Raises:
            Problem: there are too many bytes, or they are not those that were announced. It comes before the store has
                the last piece, so that no object appears.
        """
        async for piece in pieces:
            self.size += len(piece)
            self._check_size()
            # A piece is a fraction of a millisecond; a thread for each would cost more than the event loop's pause.
            self._hash.update(piece)
            if self._pulse is not None and monotonic() - self._pulsed > _PULSE_SECONDS:
                self._pulsed = monotonic()
                await self._pulse()
            yield piece
        if self._digest is not None and self._digest != self._hash.digest():
            raise Problem("digest-mismatch")

    def _check_size(self) -> None:
        if self.size > self._limit:
            raise too_large(self._limit)
        if self._allowance is not None and self.size > self._allowance:
            raise Problem("quota-exceeded", "The file has more bytes than are left today.")


def too_large(limit: int) -> Problem:
    """Return the problem of a file that is larger than `limit` bytes."""
    return Problem("too-large", f"A file may have {limit:,} bytes.")

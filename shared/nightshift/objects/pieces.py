"""A stream of bytes, cut where an object store needs it: into parts of exact sizes, each in small pieces."""

from collections.abc import AsyncIterator


class PieceReader:
    """Reads a stream of pieces of any sizes."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.taken = 0
        """Bytes handed out so far."""

    async def take(self, size: int) -> AsyncIterator[bytes]:
        """Yield the next `size` bytes, or what there is until the end, in pieces."""
        while size > 0 and await self.more():
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            self.taken += len(piece)
            yield piece

    async def more(self) -> bool:
        """Return whether anything is left; wait until that is known."""
        while not self._rest:
            try:
                self._rest = await anext(self._pieces)
            except StopAsyncIteration:
                return False
        return True

"""A part of a stream on this machine's disk: in a file without a name, which is gone with its process."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

_PIECE = 256 << 10


class Spool:
    """Holds one part at a time; a context manager. All file access is in threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - closed at the end of the block
        self.size = 0

    async def fill(self, pieces: AsyncIterator[bytes]) -> int:
        """Replace the content by that of a stream; return its size."""
        self.size = 0
        await asyncio.to_thread(self._empty)
        buffer = bytearray()
        async for piece in pieces:
            buffer += piece
            if len(buffer) >= _PIECE:
                await self._write(buffer)
                buffer = bytearray()
        if buffer:
            await self._write(buffer)
        return self.size

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the content from its beginning, as often as is asked for."""
        position = 0
        while piece := await asyncio.to_thread(self._read, position):
            position += len(piece)
            yield piece

    async def _write(self, data: bytearray) -> None:
        await asyncio.to_thread(self._append, memoryview(data))
        self.size += len(data)

    def _append(self, data: memoryview) -> None:
        while data:
            data = data[self._file.write(data) :]

    def _read(self, position: int) -> bytes:
        self._file.seek(position)
        return self._file.read(_PIECE) or b""

    def _empty(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

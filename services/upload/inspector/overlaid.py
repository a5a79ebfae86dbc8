"""Read a file as if some of its bytes were others, without a copy of it."""

import io
from typing import BinaryIO, cast


def overlaid(file: BinaryIO, place: int, data: bytes) -> BinaryIO:
    """Return the file with `data` in place of the bytes at `place`."""
    return cast("BinaryIO", _Overlaid(file, place, data))


class _Overlaid(io.RawIOBase):
    def __init__(self, file: BinaryIO, place: int, data: bytes) -> None:
        self._file, self._place, self._data = file, place, data

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that any place can be read."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any buffer will do
        """Fill the buffer as far as the file goes; return how much was read."""
        start = self._file.tell()
        found = bytearray(self._file.read(len(buffer)))
        for place, byte in enumerate(self._data, self._place - start):
            if 0 <= place < len(found):
                found[place] = byte
        buffer[: len(found)] = found
        return len(found)

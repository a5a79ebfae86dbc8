"""Log lines that come by the thousand a second: collected during an iteration of the event loop, written at once."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from nightshift.config.redaction import may_hold_secret
from nightshift.observability.log_format import json_line, text_line, timestamp, unbroken
from nightshift.observability.sanitize import clean_fields

_MAX_LINES = 1_000
"""With so many lines, they are written without waiting for the end of the iteration."""

L = TypeVar("L", bound=msgspec.Struct)


class LineBatch(Generic[L]):
    """Collects lines of one kind and writes them together."""

    def __init__(self, service: str, write: Callable[[bytes], None], *, coloured: bool | None) -> None:
        """Write JSON if `coloured` is None, else text lines with or without colours."""
        self._service = service
        self._write = write
        self._coloured = coloured
        self._lines: list[L] = []
        self._encoder = msgspec.json.Encoder()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._millisecond = self._second = 0
        self._timestamp = self._until_second = ""

    def _typed_by_others(self, lines: Sequence[L]) -> str:
        """Return all that came off the wire as one text: to search it costs a tenth of searching the whole lines."""
        raise NotImplementedError

    def _sentence(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a line as people read them: the most important in a `message`."""
        raise NotImplementedError

    def write_soon(self, lines: Iterable[L]) -> None:
        """Add lines, to be written at the end of the loop's iteration, or at once if no loop runs."""
        self._lines.extend(lines)
        if len(self._lines) >= _MAX_LINES:
            self.flush()
        elif self._loop is None or self._loop.is_closed():
            self._flush_soon()

    def _flush_soon(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the collected lines; safe in any thread."""
        lines = self._lines[:]
        del self._lines[: len(lines)]  # an append by the loop's thread in between stays for the next time
        self._loop = None
        if lines:
            self._write(self._encoded(lines))

    def _now(self) -> str:
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            second, thousandths = divmod(millisecond, 1_000)
            if second != self._second:
                self._second, self._until_second = second, timestamp(second).removesuffix("000Z")
            self._timestamp = f"{self._until_second}{thousandths:03d}Z"
        return self._timestamp

    def _encoded(self, lines: list[L]) -> bytes:
        if self._coloured is not None:
            return b"".join(text_line(self._sentence(_cleaned(line)), coloured=self._coloured) for line in lines)
        try:
            encoded = self._encoder.encode_lines(lines)
        except (TypeError, UnicodeEncodeError):  # a header of a broken message: look at each value
            return b"".join(json_line(_cleaned(line)) for line in lines)
        if may_hold_secret(self._typed_by_others(lines)):
            return b"".join(json_line(_cleaned(line)) for line in lines)
        return unbroken(encoded)


def _cleaned(line: msgspec.Struct) -> dict[str, Any]:
    values = {name: value for name, value in msgspec.structs.asdict(line).items() if value is not None}
    return clean_fields(values)

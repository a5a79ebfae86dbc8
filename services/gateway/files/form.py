"""An upload by a form (`multipart/form-data`, RFC 7578): fields, then one file, passed on as it comes."""

from collections.abc import AsyncIterator, Iterator

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header
from starlette.requests import Request

from nightshift.gateway.problems import Problem

FILE_FIELD = "file"
MAX_FIELDS = 32
MAX_FIELD_BYTES = 8 * 1024
MAX_REST_BYTES = 64 * 1024
"""All of a form but its file: fields, boundaries, whatever comes after the file."""
_MAX_BOUNDARY = 70
"""RFC 2046 §5.1.1."""
_HEADER_BYTES = 4096
_HEADERS = 8
_PIECE_BYTES = 1024
"""The parser keeps so much back at most, where a boundary may begin."""


def is_form(request: Request) -> bool:
    """Return whether the body is a form, and not a file itself."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


class FormUpload:
    """Reads a form: first `head`, which ends where the file begins, then `pieces` of the file.

    Both raise `Problem` for a form that is not as it should be.
    """

    def __init__(self, request: Request) -> None:
        self._chunks = request.stream()
        self._parser = PushMultipartParser(
            _boundary(request),
            max_header_size=_HEADER_BYTES,
            max_header_count=_HEADERS,
            max_segment_count=MAX_FIELDS + 1,
            # Strict, it would refuse a line break at the end when that comes in a piece of its own.
            strict=False,
        )
        self._received, self._of_file = 0, 0
        self._events: Iterator[MultipartSegment | bytes | bytearray | None] = iter(())
        self.fields: dict[str, str] = {}

    async def head(self) -> MultipartSegment:
        """Read the fields that come before the file into `fields`; return what is said about the file."""
        name, value = "", b""
        async for event in self._all():
            if isinstance(event, MultipartSegment):
                if event.name == FILE_FIELD and event.filename is not None:
                    return event
                name, value = event.name or "", b""
            elif event is None:
                self.fields[name] = _text(name, value)
            else:
                value += event
                if len(value) > MAX_FIELD_BYTES:
                    raise Problem("too-large", f"The field {name[:50]!r} has more than {MAX_FIELD_BYTES} bytes.")
        raise Problem(
            "bad-request", f"The form has no file in a field {FILE_FIELD!r} (curl: -F {FILE_FIELD}=@photo.jpg)."
        )

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file, and end only when the whole form has come and is as it should be."""
        ended = False
        async for event in self._all():
            if isinstance(event, MultipartSegment):
                if event.filename is not None:
                    raise Problem("bad-request", "A form brings one file: send the others in requests of their own.")
            elif event is None:
                ended = True
            elif not ended:
                self._of_file += len(event)
                yield bytes(event)

    async def _all(self) -> AsyncIterator[MultipartSegment | bytes | bytearray | None]:
        """Yield what the parser says, from where the last caller stopped."""
        try:
            while True:
                for event in self._events:
                    yield event
                if self._received - self._of_file > MAX_REST_BYTES + _PIECE_BYTES:
                    raise Problem("bad-request", f"All of a form but its file may have {MAX_REST_BYTES} bytes.")
                chunk = await anext(self._chunks, b"")
                self._received += len(chunk)
                self._events = iter(self._parser.parse(chunk))
                if not chunk:
                    list(self._events)  # refuses a form that has not come to its end
                    return
        except ParserLimitReached:
            raise Problem("bad-request", "The form has too many fields, or too long headers in it.") from None
        except MultipartError as error:
            raise Problem("bad-request", f"This is no multipart/form-data as it should be: {_reason(error)}.") from None


def _boundary(request: Request) -> str:
    _, options = parse_options_header(request.headers["content-type"])
    boundary: str = options.get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        raise Problem("bad-request", f"multipart/form-data needs a boundary of 1 to {_MAX_BOUNDARY} ASCII characters.")
    return boundary


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Problem("bad-request", f"The field {name[:50]!r} is not UTF-8.") from None


def _reason(error: MultipartError) -> str:
    return str(error.args[0]) if error.args else "it cannot be read"

"""The messages that the mail catcher of the embedded stack keeps, read as a mail program reads them.

What sends them is under development, so any of them may be broken: nothing of it is an error here.
"""

import base64
import contextlib
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser, BytesParser
from email.policy import default
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")
_MESSAGES, _HEADERS = BytesParser(policy=default), BytesHeaderParser(policy=default)
_BEGINNING = 64 * 1024
"""Bytes of a message that have its headers."""
_LARGEST_IMAGES = 4_000_000
"""Bytes of images that are put into an HTML text."""


class Listed(NamedTuple):
    """A message in the list; `stored` is in seconds since 1970."""

    number: int
    subject: str
    sender: str
    recipients: str
    stored: float
    size: int


class Attachment(NamedTuple):
    """A part that is not read as text."""

    name: str
    media_type: str
    content: bytes


class CaughtMail(NamedTuple):
    """One message; `html` has the images that come with it within itself."""

    subject: str
    headers: Sequence[tuple[str, str]]
    text: str | None
    html: str | None
    attachments: Sequence[Attachment]


def listed(folder: Path, *, before: int, most: int) -> list[Listed]:
    """Return the newest messages whose numbers are below `before` (0: all), the newest first."""
    found = list[Listed]()
    for file in reversed(_messages(folder)):
        number = _number(file)
        if before and number >= before:
            continue
        if len(found) == most:
            break
        with contextlib.suppress(OSError):  # somebody has just taken it away
            found.append(_listed(number, file))
    return found


def content_of(folder: Path, number: int) -> bytes | None:
    """Return the message of a number as it was received; None if there is none."""
    for file in _messages(folder):
        if _number(file) == number:
            with contextlib.suppress(OSError):
                return file.read_bytes()
    return None


def read_mail(content: bytes) -> CaughtMail:
    """Read a message."""
    try:
        return _read(_MESSAGES.parsebytes(content))
    except RecursionError:  # parts within parts within parts
        return _read(_HEADERS.parsebytes(content))


def _read(message: EmailMessage) -> CaughtMail:
    plain, html = _body(message, "plain"), _body(message, "html")
    others = [part for part in message.walk() if not part.is_multipart() and part is not plain and part is not html]
    return CaughtMail(
        subject=_header(message, "Subject"),
        headers=[(name, _decoded(message, name, value)) for name, value in message.raw_items()],
        text=_text(plain),
        html=_with_images(_text(html), others) if html is not None else None,
        attachments=[_attachment(number, part) for number, part in enumerate(others, 1)],
    )


def _listed(number: int, file: Path) -> Listed:
    with file.open("rb") as opened:
        message = _HEADERS.parsebytes(opened.read(_BEGINNING))
    state = file.stat()
    sender, recipients = _header(message, "X-Envelope-From"), _header(message, "X-Envelope-To")
    return Listed(number, _header(message, "Subject"), sender, recipients, state.st_mtime, state.st_size)


def _messages(folder: Path) -> list[Path]:
    """Return the files of a folder that `nightshift.embedded` fills; it is not a part of every installation."""
    return sorted(folder.glob("*.eml"), key=_number)


def _number(file: Path) -> int:
    digits = file.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _header(message: MIMEPart, name: str) -> str:
    return next((_decoded(message, given, value) for given, value in message.raw_items() if given == name), "")


def _decoded(message: MIMEPart, name: str, value: str) -> str:
    return _tried(lambda: str(message.policy.header_fetch_parse(name, value)), str(value))


def _body(message: EmailMessage, kind: str) -> MIMEPart | None:
    return _tried(lambda: message.get_body((kind,)), None)


def _text(part: MIMEPart | None) -> str | None:
    if part is None:
        return None
    return _tried(lambda: str(part.get_content()), _bytes(part).decode("utf-8", "replace"))


def _attachment(number: int, part: MIMEPart) -> Attachment:
    name = _tried(part.get_filename, None) or f"part-{number}"
    return Attachment(name, part.get_content_type(), _bytes(part))


def _bytes(part: MIMEPart) -> bytes:
    content = _tried(lambda: part.get_payload(decode=True), None)
    return content if isinstance(content, bytes) else b""


def _with_images(html: str | None, parts: Sequence[MIMEPart]) -> str:
    """Put images that a text names by `cid:` into it: a page within a page asks nobody for them."""
    left, shown = _LARGEST_IMAGES, html or ""
    for name, part in _named_images(parts):
        content = _bytes(part)
        left -= len(content)
        if left >= 0:
            data = f"data:{part.get_content_type()};base64,{base64.b64encode(content).decode()}"
            shown = shown.replace(f"cid:{name}", data)
    return shown


def _named_images(parts: Sequence[MIMEPart]) -> Iterator[tuple[str, MIMEPart]]:
    for part in parts:
        name = _header(part, "Content-ID").strip(" <>")
        if name and part.get_content_maintype() == "image":
            yield name, part


def _tried(read: Callable[[], T], otherwise: T) -> T:
    """Return what is read; the library fails in many ways on what does not keep the rules."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - any of them means that it is broken
        return otherwise

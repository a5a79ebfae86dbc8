"""The messages that the mail catcher of the embedded stack keeps, read as a mail program reads them.

What sends them is under development, so any of them may be broken: nothing of it is an error here.
"""

import base64
import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser, BytesParser
from email.policy import default
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

T = TypeVar("T")
_MESSAGES, _HEADERS = BytesParser(policy=default), BytesHeaderParser(policy=default)
_BEGINNING = 64 * 1024
"""Bytes of a message that have its headers."""
_LONGEST_HEADER = 10_000
"""Characters of a header that are read: the library takes seconds for much longer ones."""
_LARGEST_IMAGES = 20_000_000
"""Bytes of images that are put into an HTML text."""
_NAME = re.compile(r"[0-9]{1,9}-.*[.]eml", re.DOTALL)
_NAMED_IMAGE = re.compile(r"""\bcid:([^\s"'<>()]+)""", re.IGNORECASE)


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
    images_left_out: int
    """Images of its own that the HTML names, and that are not there, or too large together."""
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
    others = [part for part in _leaves(message) if part is not plain and part is not html]
    shown, left_out = _with_images(_text(html) or "", others)
    return CaughtMail(
        subject=_header(message, "Subject"),
        headers=[(name, _decoded(message, name, value)) for name, value in message.raw_items()],
        text=_text(plain),
        html=None if html is None else shown,
        images_left_out=left_out,
        attachments=[_attachment(number, part) for number, part in enumerate(others, 1)],
    )


def _listed(number: int, file: Path) -> Listed:
    with file.open("rb") as opened:
        message = _HEADERS.parsebytes(opened.read(_BEGINNING))
    state = file.stat()
    sender, recipients = _header(message, "X-Envelope-From"), _header(message, "X-Envelope-To")
    return Listed(number, _header(message, "Subject"), sender, recipients, state.st_mtime, state.st_size)


def _messages(folder: Path) -> list[Path]:
    """Return the files that a catcher has kept, in the order of their numbers.

    `nightshift.embedded`, whose they are, is not a part of every installation.
    """
    return sorted((file for file in folder.glob("*.eml") if _NAME.fullmatch(file.name)), key=_number)


def _number(file: Path) -> int:
    return int(file.name.partition("-")[0])


def _leaves(part: MIMEPart) -> Iterator[MIMEPart]:
    """Yield the parts that have none; a message that was forwarded, or has bounced, is one."""
    if part.get_content_maintype() == "message" or not part.is_multipart():
        yield part
        return
    for inner in part.iter_parts():
        yield from _leaves(inner)


def _header(message: MIMEPart, name: str) -> str:
    found = (pair for pair in message.raw_items() if pair[0].lower() == name.lower())
    return next((_decoded(message, *pair) for pair in found), "")


def _decoded(message: MIMEPart, name: str, value: str) -> str:
    value = str(value)[:_LONGEST_HEADER]
    return _tried(lambda: str(message.policy.header_fetch_parse(name, value)), value)


def _body(message: EmailMessage, kind: str) -> MIMEPart | None:
    return _tried(lambda: message.get_body((kind,)), None)


def _text(part: MIMEPart | None) -> str | None:
    if part is None:
        return None
    content = _bytes(part)
    if _tried(part.get_content_charset, None) is None:  # then it should be ASCII, and is often UTF-8
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode().replace("\r\n", "\n")
    return _tried(lambda: str(part.get_content()), content.decode("utf-8", "replace"))


def _attachment(number: int, part: MIMEPart) -> Attachment:
    is_message = part.get_content_type() == "message/rfc822"
    name = _tried(part.get_filename, None) or (f"message-{number}.eml" if is_message else f"part-{number}")
    return Attachment(name, part.get_content_type(), _bytes(part))


def _bytes(part: MIMEPart) -> bytes:
    if part.is_multipart():  # a message within this one, or what a bounce tells of each recipient
        return _tried(lambda: b"\r\n".join(inner.as_bytes() for inner in part.iter_parts()), b"")
    content = _tried(lambda: part.get_payload(decode=True), None)
    return content if isinstance(content, bytes) else b""


def _with_images(html: str, parts: Sequence[MIMEPart]) -> tuple[str, int]:
    """Put images that a text names by `cid:` into it: a page within a page asks nobody for them.

    Return how many were left out, too.
    """
    images = {name: part for part in parts if part.get_content_maintype() == "image" and (name := _content_id(part))}
    left, left_out = _LARGEST_IMAGES, 0

    def shown(named: re.Match[str]) -> str:
        nonlocal left, left_out
        part = images.get(unquote(named[1]))
        content = _bytes(part) if part is not None else b""
        if part is None or len(content) > left:
            left_out += 1
            return named[0]
        left -= len(content)
        return f"data:{part.get_content_type()};base64,{base64.b64encode(content).decode()}"

    return _NAMED_IMAGE.sub(shown, html), left_out


def _content_id(part: MIMEPart) -> str:
    return _header(part, "Content-ID").strip(" <>")


def _tried(read: Callable[[], T], otherwise: T) -> T:
    """Return what is read; the library fails in many ways on what does not keep the rules."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - any of them means that it is broken
        return otherwise

"""Mail: what the mail catcher of the embedded stack has kept; only where there is one, as with `nightshift up`."""

import asyncio
import shlex
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from starlette.responses import Response

from nightshift.console.caught_mail import CaughtMail, content_of, listed, read_mail
from nightshift.console.context import Screen
from nightshift.console.rights import Right
from nightshift.console.web.pages import CONTENT_SECURITY_POLICY, page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit

SCREEN = Screen("Mail", "/mail", Right.REVEAL)
_SHOWN = 50
_DIGITS = 9
_LONGEST = 200_000
"""Characters of a text that are shown."""
_WITH_FRAME = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
_FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A message runs nothing and asks nobody; its links open in tabs of their own."""
_TOLD = {
    "from": "From",
    "to": "To",
    "cc": "Cc",
    "reply-to": "Reply to",
    "date": "Date",
}
"""The headers that are shown at once."""
_ENVELOPE = {"x-envelope-from": "Sent by", "x-envelope-to": "Received by"}
"""Those that the mail catcher puts in front; they also name whoever is in bcc."""
_FILE = "application/octet-stream"


async def show(visit: Visit) -> Response:
    """Show the newest messages."""
    folder, before = _folder(visit), _number(visit.query.get("before", "") or "0")
    found = await asyncio.to_thread(listed, folder, before=before, most=_SHOWN + 1)
    return page(
        visit,
        "mail.html.j2",
        command=f"ls {shlex.quote(str(folder))}",
        mails=[(one, datetime.fromtimestamp(one.stored, UTC)) for one in found[:_SHOWN]],
        more=found[_SHOWN - 1].number if len(found) > _SHOWN else None,
        follows=" ".join(f"events.{service}" for service in visit.console.services),
    )


async def show_one(visit: Visit) -> Response:
    """Show one message: what its sender said of it, its text, its HTML apart from everything else, its attachments."""
    mail = await _mail(visit)
    number = _number(visit.path["number"])
    own = [(name.lower(), value) for name, value in mail.headers]
    shown = [(_ENVELOPE[name], value) for name, value in own[: len(_ENVELOPE)] if name in _ENVELOPE]
    shown += [(_TOLD[name], value) for name, value in own if name in _TOLD]
    response = page(visit, "mail_message.html.j2", mail=mail, number=number, most=_LONGEST, shown=shown)
    response.headers["Content-Security-Policy"] = _WITH_FRAME
    return response


async def show_html(visit: Visit) -> Response:
    """Answer with the HTML of a message, for the frame on its page."""
    html = (await _mail(visit)).html
    if html is None:
        raise Refused(404, "This message has no HTML.")
    headers = {"Content-Security-Policy": _FRAMED, "X-Frame-Options": "SAMEORIGIN"}
    content = f'<!doctype html><base target="_blank">{html}'.encode("utf-8", "replace")
    return Response(content, headers=headers, media_type="text/html; charset=utf-8")


async def download(visit: Visit) -> Response:
    """Send a message as it was received."""
    return _as_file(await _content(visit), f"{visit.path['number']}.eml")


async def download_part(visit: Visit) -> Response:
    """Send one attachment."""
    parts, wanted = (await _mail(visit)).attachments, _number(visit.path["part"])
    if not 1 <= wanted <= len(parts):
        raise Refused(404, "This message has no such attachment.")
    return _as_file(parts[wanted - 1].content, parts[wanted - 1].name)


def _as_file(content: bytes, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return Response(content, headers={"Content-Disposition": disposition}, media_type=_FILE)


async def _mail(visit: Visit) -> CaughtMail:
    return await asyncio.to_thread(read_mail, await _content(visit))


async def _content(visit: Visit) -> bytes:
    content = await asyncio.to_thread(content_of, _folder(visit), _number(visit.path["number"]))
    if content is None:
        raise Refused(404, "There is no such message.")
    return content


def _folder(visit: Visit) -> Path:
    folder = visit.console.settings.console_mail_folder
    if folder is None:
        raise Refused(404, "No mail is caught here: a console has this page where `nightshift up` runs it.")
    return folder


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Refused(404, "Messages have numbers.")
    return int(text)


ROUTES = (
    Route("GET", "/mail", show, Right.REVEAL),
    Route("GET", "/mail/{number}", show_one, Right.REVEAL),
    Route("GET", "/mail/{number}/html", show_html, Right.REVEAL),
    Route("GET", "/mail/{number}/raw", download, Right.REVEAL),
    Route("GET", "/mail/{number}/parts/{part}", download_part, Right.REVEAL),
)

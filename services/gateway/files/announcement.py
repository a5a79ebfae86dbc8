"""What the head of an upload says: whose file it is, how it is called, how long it is, which digest it has."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from nightshift.gateway.auth.principal import Principal
from nightshift.gateway.problems import Problem
from services.gateway.files.digests import announced_digest
from services.gateway.files.file_names import UNNAMED, as_utf8, clean_name, name_from_disposition
from services.gateway.files.form import FormUpload

UNKNOWN_TYPE = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+*-]{1,127}(?:\s*;[\x20-\x7e]*)?", re.ASCII)
_LONGEST_TYPE = 255
_LONGEST_USER = 200


@dataclass(slots=True, frozen=True)
class Announcement:
    """An upload before its bytes; `size` is None where nobody knows it, `digest` is the SHA-256 that it shall have."""

    user: str
    name: str
    content_type: str
    size: int | None
    digest: bytes | None
    pieces: AsyncIterator[bytes]


def raw_announcement(request: Request, principal: Principal) -> Announcement:
    """Return what is said about a file that is the body itself.

    Raises:
        Problem: it cannot be understood.
    """
    disposition = request.headers.get("content-disposition")
    name = request.query_params.get("filename") or (disposition and name_from_disposition(as_utf8(disposition)))
    length = request.headers.get("content-length")
    return Announcement(
        user=owner(principal, request.query_params.get("userId")),
        name=clean_name(name or UNNAMED),
        content_type=media_type(request.headers.get("content-type")),
        size=None if length is None else int(length),
        digest=announced_digest(request.headers.get("content-digest")),
        pieces=request.stream(),
    )


async def form_announcement(request: Request, principal: Principal) -> Announcement:
    """Return what a form says about the file in it; reads it up to where the file begins.

    Raises:
        Problem: it cannot be understood.
    """
    form = FormUpload(request)
    segment = await form.head()
    return Announcement(
        user=owner(principal, form.fields.get("userId") or request.query_params.get("userId")),
        name=clean_name(segment.filename or UNNAMED),
        content_type=media_type(segment.header("Content-Type")),
        size=None,
        digest=announced_digest(segment.header("Content-Digest")),
        pieces=form.pieces(),
    )


def owner(principal: Principal, wanted: str | None) -> str:
    """Return whose file it will be: the user that the key or token is bound to, or whom the application names.

    Raises:
        Problem: nobody is named, or somebody else.
    """
    if principal.user is not None:
        if wanted not in {None, "", principal.user}:
            raise Problem("forbidden", "This key is bound to a user, and that is another one than userId.")
        return principal.user
    if not wanted:
        raise Problem("bad-request", "Say whose file it is: userId, as a query parameter, or a field before the file.")
    if len(wanted) > _LONGEST_USER or not wanted.isprintable():
        raise Problem("bad-request", f"userId is at most {_LONGEST_USER} printable characters.")
    return wanted


def media_type(header: str | None) -> str:
    """Return the type that the sender claims, where it is one; the upload service finds out the real one."""
    text = (header or "").strip()
    return text if len(text) <= _LONGEST_TYPE and _MEDIA_TYPE.fullmatch(text) else UNKNOWN_TYPE

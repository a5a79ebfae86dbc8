"""Pages from templates: every value is escaped, an undefined name is an error, nothing is inline."""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from msgspec import UNSET
from starlette.responses import Response

from nightshift.cli.terminal.formatting import (
    brief,
    format_instant,
    format_number,
    format_size,
    format_span,
    plural,
    safe,
)
from nightshift.console.figures.section import Section
from nightshift.console.web.characters import FORBIDDEN
from nightshift.console.web.visit import Visit
from nightshift.instants import utc_now
from nightshift.version import VERSION

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_MINUTE = 60
_MEDIA_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml", "js": "text/javascript; charset=utf-8"}


class Asset(NamedTuple):
    """A file that pages refer to, by a name that changes with its content."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files in `static`, by the names under which they are served."""
    files = [file for file in resources.files("nightshift.console").joinpath("static").iterdir() if file.is_file()]
    return {asset.name: asset for asset in map(_asset, sorted((file.name, file.read_bytes()) for file in files))}


def page(visit: Visit, template: str, /, *, status: int = 200, command: str = "", **values: object) -> Response:
    """Return a page. `command` is the command line that says the same.

    Raises:
        jinja2.UndefinedError: the template uses a name that it was not given.
    """
    console = visit.console
    html = (
        _environment()
        .get_template(template)
        .render(
            visit=visit,
            person=visit.person,
            url=visit.url,
            asset=lambda name: f"{console.settings.prefix}/static/{_names()[name]}",
            here=visit.here,
            environment_name=console.settings.console_name,
            screens=[one for one in console.screens if visit.may(one.right)],
            command=command,
            pauses=console.pauses.current if visit.person else (),
            now=utc_now(),
            version=VERSION,
            **values,
        )
    )
    return Response(html, status, media_type="text/html; charset=utf-8")


def _asset(file: tuple[str, bytes]) -> Asset:
    name, content = file
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{stem}.{digest}.{ending}", _MEDIA_TYPES[ending], content, gzip.compress(content, mtime=0))


@cache
def _names() -> Mapping[str, str]:
    return {name.replace(f".{name.split('.')[-2]}.", "."): name for name in assets()}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nightshift.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters.update(
        instant=format_instant,
        number=format_number,
        size=format_size,
        span=format_span,
        brief=brief,
        safe_text=safe,
        plural=plural,
        ago=_ago,
        took=_took,
        json_text=_json_text,
    )
    environment.globals.update(unset=UNSET, sections=Section)
    return environment


def _ago(at: datetime | None, now: datetime) -> str:
    return "" if at is None else format_span(max(now - at, timedelta()))


def _took(seconds: float) -> str:
    """Say how long something ran: `95 ms`, `1.28 s`, `4m 10s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < _MINUTE else format_span(timedelta(seconds=seconds))


def _json_text(value: object) -> str:
    return safe(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _printable(value: object) -> object:
    """Replace forbidden characters in a value that is about to be escaped and printed."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value

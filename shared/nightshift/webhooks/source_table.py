"""One table of the file of sources: its fields, their types, and what is wrong with it."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from nightshift.text import closest
from nightshift.webhooks.keys import Algorithm, Encoding

_HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")]
_Pointer = Annotated[str, Meta(pattern=r"^(?:/(?:[^~/]|~[01])*)+\Z")]
_EventPattern = Annotated[str, Meta(min_length=1, max_length=255)]
_Affix = Annotated[str, Meta(pattern=r"^[!-~ ]{0,40}\Z")]

_DURATION = re.compile(r"([0-9]{1,6})\s*(s|m|h)")
_RATE = re.compile(r"([0-9]{1,6})\s*/\s*(s|m|h)")
_SIZE = re.compile(r"([0-9]{1,9})\s*(B|KB|MB|KiB|MiB)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BYTES = {None: 1, "B": 1, "KB": 1000, "MB": 1_000_000, "KiB": 1024, "MiB": 1_048_576}
MAX_TOLERANCE = timedelta(days=1)
MAX_BODY_BYTES = 40_000_000
"""In base64 and with all around it, this is still less than a job's body may be."""

_WORDS: dict[str, str] = {
    "tolerance": "a duration such as '5m' or '300s', more than 0 and at most 24h",
    "max_body": "a size such as '1MB' or '512KiB', more than 0 and at most 40MB",
    "rate": "a number of events in a time, such as '100/s' or '600/m', more than 0",
    "repeats": "true or false",
    "secrets": "a list of 'env:NAME' or 'file:/path'",
    "events": "a list of event types, in which * stands for any text",
    "headers": "a list of at most 20 names of headers",
    "identity": "'body', or 'id' where the scheme signs an id",
    "id": "a JSON pointer such as '/id'",
    "type": "a JSON pointer such as '/type'",
    "occurred_at": "a JSON pointer such as '/created'",
    "encoding": "'hex' or 'base64'",
    "algorithm": "'sha256', 'sha512' or 'sha1'",
    "prefix": "a text of at most 40 characters",
    "timestamp_prefix": "a text of at most 40 characters",
    "template": "a text such as '{timestamp}.{body}'",
    "url": "the public URL without a query, such as 'https://hooks.example.com/webhooks/twilio'",
    "scheme": "a text",
}
_HEADER_WORDS = "the name of a header"


class SourceTable(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a table, by their names in the file."""

    scheme: str
    secrets: tuple[str, ...] = ()
    tolerance: str = "5m"
    max_body: str | None = None
    rate: str | None = None
    repeats: bool = False
    events: tuple[_EventPattern, ...] = ()
    identity: Literal["id", "body"] | None = None
    headers: Annotated[tuple[_HeaderName, ...], Meta(max_length=20)] = ()
    url: Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-\"$->@-~]*)?\Z")] | None = None
    header: _HeaderName | None = None
    prefix: _Affix = ""
    template: Annotated[str, Meta(max_length=200)] = "{body}"
    encoding: Encoding = "hex"
    algorithm: Algorithm = "sha256"
    timestamp_header: _HeaderName | None = None
    timestamp_prefix: _Affix | None = None
    id_header: _HeaderName | None = None
    id: _Pointer | None = None
    type: _Pointer | None = None
    type_header: _HeaderName | None = None
    occurred_at: _Pointer | None = None
    delivery_header: _HeaderName | None = None

    @property
    def tolerance_seconds(self) -> float:
        """How far the signed time may be from ours."""
        return _amount(_DURATION, _SECONDS, self.tolerance) or 0

    @property
    def max_body_bytes(self) -> int | None:
        """The longest body; None for the scheme's default."""
        return None if self.max_body is None else _amount(_SIZE, _BYTES, self.max_body)

    @property
    def events_per_second(self) -> float | None:
        """How many events are taken; None for all."""
        match = _RATE.fullmatch((self.rate or "").strip())
        return int(match[1]) / _SECONDS[match[2]] if match else None


_EVERYWHERE = frozenset({"scheme", "secrets", "max_body", "rate", "events", "identity", "headers"})
_NAMING = frozenset({"id", "type", "type_header", "occurred_at", "delivery_header"})
FIELDS_OF: Mapping[str, frozenset[str]] = {
    "stripe": _EVERYWHERE | {"tolerance"},
    "standard": _EVERYWHERE | {"tolerance"},
    "slack": _EVERYWHERE | {"tolerance"},
    "github": _EVERYWHERE,
    "shopify": _EVERYWHERE,
    "twilio": _EVERYWHERE | {"url"},
    "token": _EVERYWHERE | _NAMING | {"header", "prefix", "repeats"},
    "hmac": _EVERYWHERE
    | _NAMING
    | {"tolerance", "header", "prefix", "template", "encoding", "algorithm"}
    | {"timestamp_header", "timestamp_prefix", "id_header", "repeats"},
}
"""The schemes by their names in the file, and the fields that mean something to each."""
_HINTS = get_type_hints(SourceTable, include_extras=True)


def parse_table(raw: Mapping[str, Any]) -> tuple[SourceTable | None, list[str]]:
    """Read a table; return it, or None and a line for everything that is wrong with it."""
    problems = list(_scheme_problems(raw.get("scheme")))
    if problems:
        return None, problems
    allowed = FIELDS_OF[raw["scheme"]]
    values = {}
    for name, value in raw.items():
        if name not in allowed:
            problems.append(_unknown_field(name, raw["scheme"], allowed))
            continue
        try:
            values[name] = msgspec.convert(value, _HINTS[name])
        except msgspec.ValidationError:
            problems.append(f"{name}: is {_shown(name, value)}, expected {_WORDS.get(name, _HEADER_WORDS)}")
    table = SourceTable(**values)
    problems += _amount_problems(table)
    return (None if problems else table), problems


def _scheme_problems(scheme: object) -> Iterator[str]:
    known = ", ".join(sorted(FIELDS_OF))
    if scheme is None:
        yield f"scheme: is missing, expected one of {known}"
    elif scheme == "none":
        yield "scheme: 'none' would let everybody in: verify at least a token (scheme = 'token')"
    elif not isinstance(scheme, str) or scheme not in FIELDS_OF:
        near = closest(scheme, list(FIELDS_OF)) if isinstance(scheme, str) else None
        hint = f" (do you mean {near!r}?)" if near else ""
        yield f"scheme: is {str(scheme)[:40]!r}{hint}, expected one of {known}"


def _unknown_field(name: str, scheme: str, allowed: frozenset[str]) -> str:
    if name in SourceTable.__struct_fields__:
        return f"{name}: means nothing to the scheme {scheme!r}"
    near = closest(name, sorted(allowed))
    return f"{name[:40]}: is no field of a source" + (f" (do you mean {near!r}?)" if near else "")


def _amount_problems(table: SourceTable) -> Iterator[str]:
    if not 0 < table.tolerance_seconds <= MAX_TOLERANCE.total_seconds():
        why = " (0 is no strictness: it would refuse everything)" if table.tolerance.strip("0 smh") == "" else ""
        yield f"tolerance: is {table.tolerance[:40]!r}{why}, expected {_WORDS['tolerance']}"
    if table.max_body is not None and not 0 < (table.max_body_bytes or 0) <= MAX_BODY_BYTES:
        yield f"max_body: is {table.max_body[:40]!r}, expected {_WORDS['max_body']}"
    if table.rate is not None and not table.events_per_second:
        yield f"rate: is {table.rate[:40]!r}, expected {_WORDS['rate']}"


def _amount(pattern: re.Pattern[str], units: Mapping[Any, int], text: str) -> int | None:
    match = pattern.fullmatch(text.strip())
    return int(match[1]) * units[match[2]] if match else None


def _shown(name: str, value: object) -> str:
    """Return a wrong value for the error; not a secret that was written where its place should be."""
    return "not usable" if name == "secrets" else repr(value)[:60]

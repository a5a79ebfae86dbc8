"""Takes secrets out of text before it is logged, stored in a header or shown."""

import json
import re
from urllib.parse import quote, quote_plus, unquote, urlsplit

from nightshift.config.secret import HIDDEN

_SHORTEST = 8
"""Characters. Shorter values are also ordinary words: hiding them everywhere would make a log unreadable."""

_LONGEST_INPUT = 65_536
"""Characters of an error text that are examined; what is longer would be cut to a line anyway."""

_NAMES = r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|signature"
_VALUE = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"']+"""

_PATTERNS = (
    (
        re.compile(r"-----BEGIN ([A-Z ]{0,40})PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL),
        HIDDEN,
    ),
    (re.compile(r"\bS[ACNOUX][A-Z2-7]{56}\b"), HIDDEN),  # the seed of a NATS key
    (re.compile(r"//[^\s/?#\"'<>]*@"), f"//{HIDDEN}@"),
    (re.compile(r"(authorization[\"']?\s{0,8}[:=]\s{0,8})([\"'])(?:(?!\2)[^\r\n])*", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"(authorization[\"']?\s{0,8}[:=]\s{0,8})[^\s\"'][^\r\n]*", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bbearer\s{1,8})[\w.~+/=-]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(rf"((?:{_NAMES})[\w.-]{{0,40}}[\"']?\s{{0,8}}[:=]\s{{0,8}})(?:{_VALUE})", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
)

_MARKS = (
    "//",
    "-----begin",
    "authorization",
    "bearer",
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "signature",
)
"""Every pattern but the NATS seed contains one of these: texts without any are clean."""

_SEED = 58
"""Characters of a NATS seed: what is shorter is none."""

_FILE_URL = re.compile(r"[a-z+]+:///[^?]*$")
_NAME = re.compile(_NAMES, re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BLANKS = re.compile(r"\s+")


class Redactor:
    """Hides secrets in texts: values that it was told, and patterns that secrets usually have."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """The texts that are hidden wherever they occur, longest first."""
        return self._known

    def protect(self, value: str) -> None:
        """Hide `value` from now on, and its password alone if it is a URL; the path of a local file stays readable.

        Values shorter than 8 characters are hidden only where a known pattern shows them (`password=…`).
        """
        if not _FILE_URL.match(value):
            self._hide(_written_forms(value) | _written_forms(_password(value)))

    def protect_password(self, url: str) -> None:
        """Hide the password inside a URL from now on, and leave the rest readable."""
        self._hide(_written_forms(_password(url)))

    def _hide(self, forms: set[str]) -> None:
        known = {form for form in forms if len(form) >= _SHORTEST}
        self._known = tuple(sorted(known.union(self._known), key=lambda form: (-len(form), form)))

    def clean(self, text: str) -> str:
        """Return `text` with every known secret, and everything that looks like one, replaced by `***`."""
        for value in self._known:
            if value in text:
                text = text.replace(value, HIDDEN)
        if len(text) < _SEED and not _has_mark(text):
            return text
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def may_hold_secret(self, text: str) -> bool:
        """Return, in a fraction of the time of `clean`, whether it could change anything in `text`."""
        return _has_mark(text) or any(value in text for value in self._known)


def _has_mark(text: str) -> bool:
    lowered = text.lower()
    for mark in _MARKS:  # noqa: SIM110 - a generator takes twice as long, and every text of a log comes here
        if mark in lowered:
            return True
    return False


PROCESS = Redactor()
"""The secrets of this process: every loaded setting that is one registers itself here."""


def protect(value: str) -> None:
    """Hide `value` in everything that this process logs from now on."""
    PROCESS.protect(value)


def protect_password(url: str) -> None:
    """Hide the password inside `url`, if there is one, in everything that this process logs from now on."""
    PROCESS.protect_password(url)


def redact(text: str) -> str:
    """Return `text` without the secrets of this process and without anything that looks like a secret."""
    return PROCESS.clean(text)


def may_hold_secret(text: str) -> bool:
    """Return quickly whether `redact` could change anything in `text` (apart from NATS seeds)."""
    return PROCESS.may_hold_secret(text)


def names_secret(name: str) -> bool:
    """Return whether a field of this name (`smtp_password`) holds a secret, whatever its value looks like."""
    return _NAME.search(name) is not None


def single_line(text: str, limit_bytes: int = 1024) -> str:
    r"""Return `text` as one line of printable ASCII without secrets, as a message header can carry it.

    Line breaks become spaces, what is not ASCII its escape (`\xe9`); the end is cut off at `limit_bytes`.
    """
    line = _BLANKS.sub(" ", redact(text[:_LONGEST_INPUT])).strip()
    line = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line)
    return line.encode("ascii", "backslashreplace")[:limit_bytes].decode("ascii").rstrip()


def _password(value: str) -> str:
    try:
        return unquote(urlsplit(value).password or "")
    except ValueError:  # a malformed address has no password that we could find
        return ""


def _written_forms(value: str) -> set[str]:
    """Return a secret as it is, and as it is written in a URL and inside a JSON or Python string."""
    return {
        value,
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
    }

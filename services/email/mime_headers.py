"""Format header lines of a mail: RFC 5322 folding, RFC 2047 encoded words.

By hand, because the standard library of Python 3.11.0 to 3.11.8 and 3.12.0 to 3.12.2 encodes the comma between two
addresses when it folds there and the next name is not ASCII, which loses a recipient (python/cpython#100884,
CVE-2025-1795). The input has no line breaks: the contract refuses them.
"""

import base64
import re
from collections.abc import Iterable, Iterator

from services.email.mailer import Mailbox

_LINE = 76
_WORD_BYTES = 45
"""They become 60 characters of base64; with `=?utf-8?b?` and `?=` an encoded word has at most 75 (RFC 2047 §2)."""

_PLAIN_TEXT = re.compile(r"(?!.*=\?)[!-~]{1,200}(?: [!-~]{1,200})*")
_PLAIN_NAME = re.compile(r"(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTABLE_NAME = re.compile(r"(?!.*=\?)[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")


def text_header(name: str, text: str) -> str:
    """Return the lines of a header that holds text, such as a subject."""
    words = text.split(" ") if _PLAIN_TEXT.fullmatch(text) else _encoded_words(text)
    return _folded(name, words)


def address_header(name: str, boxes: Iterable[Mailbox]) -> str:
    """Return the lines of a header that holds mailboxes."""
    words: list[str] = []
    for box in boxes:
        if words:
            words[-1] += ","
        words += [*_phrase(box.name), f"<{box.address}>"] if box.name else [box.address]
    return _folded(name, words)


def _phrase(name: str) -> Iterable[str]:
    if _PLAIN_NAME.fullmatch(name):
        return name.split(" ")
    if _QUOTABLE_NAME.fullmatch(name):
        return [f'"{name}"']
    return _encoded_words(name)


def _encoded_words(text: str) -> Iterator[str]:
    """Split between characters, never inside one: each encoded word must be decodable alone."""
    chunk = b""
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > _WORD_BYTES:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += encoded
    yield _encoded_word(chunk)


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?="


def _folded(name: str, words: Iterable[str]) -> str:
    lines = [f"{name}:"]
    for word in words:
        # The first word stays on the line of the name: some readers do not accept a first line without one.
        if len(lines[-1]) + 1 + len(word) > _LINE and not lines[-1].endswith(":"):
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"

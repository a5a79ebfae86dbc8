"""Parse the `Link` header (RFC 8288 §3), which names the next page."""

import re
from urllib.parse import urljoin

_MAX_LENGTH = 8 * 1024
"""Maximum characters of the header; an address may have a quarter of it, as it is stored in the checkpoint."""
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_WORTH = r'\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))'
_VALUE = re.compile(rf"<([^<>]*)>((?:\s*;\s*{_NAME}(?:{_WORTH})?)*)", re.ASCII)
_PARAMETER = re.compile(rf";\s*({_NAME}){_WORTH}", re.ASCII)


def links(header: str, base: str) -> dict[str, str]:
    """Return the first address of each relation, absolute; ignore what cannot be parsed."""
    found: dict[str, str] = {}
    for value in _VALUE.finditer(header[:_MAX_LENGTH]):
        parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value[2])}
        try:
            address = _absolute(value[1].strip(), base)
        except ValueError:  # not an address
            continue
        for relation in parameters.get("rel", "").lower().split():
            if len(address) <= _MAX_LENGTH // 4:
                found.setdefault(relation, address)
    return found


def _absolute(address: str, base: str) -> str:
    return address if address.lower().startswith(("https://", "http://")) else urljoin(base, address)

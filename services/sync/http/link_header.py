"""Reads the `Link` header (RFC 8288 §3), by which a service names the next page."""

import re
from urllib.parse import urljoin

_LONGEST = 8 * 1024
"""Characters of the header; of one address a quarter, since it goes into the checkpoint."""
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_WORTH = r'\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))'
_VALUE = re.compile(rf"<([^<>]*)>((?:\s*;\s*{_NAME}(?:{_WORTH})?)*)", re.ASCII)
_PARAMETER = re.compile(rf";\s*({_NAME}){_WORTH}", re.ASCII)


def links(header: str, base: str) -> dict[str, str]:
    """Returns the first address of each relation, absolute; what cannot be read is left out."""
    found: dict[str, str] = {}
    for value in _VALUE.finditer(header[:_LONGEST]):
        parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value[2])}
        try:
            address = _absolute(value[1].strip(), base)
        except ValueError:  # not an address
            continue
        for relation in parameters.get("rel", "").lower().split():
            if len(address) <= _LONGEST // 4:
                found.setdefault(relation, address)
    return found


def _absolute(address: str, base: str) -> str:
    return address if address.lower().startswith(("https://", "http://")) else urljoin(base, address)

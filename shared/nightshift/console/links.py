"""Links from a job to what else knows of it: traces, logs, the application's own page."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

_LINK = re.compile(r"([^=\s][^=]{0,39})=(https?://[^\s/{}]+(?:[/?#]\S*)?)")
_NAME = re.compile(r"\{(\w*)\}")
NAMES = frozenset({"type", "id", "tenant", "trace"})


class Link(NamedTuple):
    """A link as a page shows it."""

    name: str
    address: str


def link_problems(templates: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with templates of links."""
    for template in templates:
        match = _LINK.fullmatch(template)
        unknown = set(_NAME.findall(match[2])) - NAMES if match else set()
        if match is None:
            yield f"CONSOLE_LINKS: {template[:80]!r} is not a name, = and an address that begins with http:// or https://"
        elif unknown:
            known = ", ".join(f"{{{name}}}" for name in sorted(NAMES))
            yield f"CONSOLE_LINKS: {template[:80]!r} names {{{min(unknown)}}}; known are {known}"


def links(templates: Iterable[str], values: Mapping[str, str]) -> list[Link]:
    """Return the links of a job, without those that need what is not known of it."""
    found = list[Link]()
    for template in templates:
        name, _, address = template.partition("=")
        if all(values.get(needed) for needed in _NAME.findall(address)):
            filled = _NAME.sub(lambda match: quote(values[match[1]], safe="", errors="replace"), address)
            found.append(Link(name.strip(), filled))
    return found

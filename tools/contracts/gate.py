"""The compatibility gate: what in the current contracts breaks a supported release, and what to do instead."""

import re
from collections.abc import Iterator, Sequence

from tools.contracts import released
from tools.contracts.compatibility import narrowings, widenings
from tools.contracts.http_changes import taken_back_over_http
from tools.contracts.promised import taken_back
from tools.contracts.released import Contracts
from tools.contracts.schemas import EVENT

_READ_BY_OTHERS = {"dead", "cron"}
"""Kinds of headers that we write and others read."""


def breaking_changes(now: Contracts | None = None, releases: Sequence[Contracts] | None = None) -> list[str]:
    """Return a line for each: the subject, what changed, since which release, and what to do instead."""
    now = now or released.current()
    releases = released.supported() if releases is None else releases
    return list(dict.fromkeys(line for release in releases for line in _against(release, now)))


def _against(release: Contracts, now: Contracts) -> Iterator[str]:
    for subject, schema in release.schemas.items():
        if subject not in now.schemas:
            yield f"{subject}: subject gone, which {release.version} has. {_advice(subject)}"
            continue
        found = narrowings(schema, now.schemas[subject])
        if subject == EVENT:
            found += widenings(schema, now.schemas[subject])
        yield from (f"{subject}: {line}, since {release.version}. {_advice(subject)}" for line in found)
    for kind, schema in release.headers.items():
        found = narrowings(schema, now.headers[kind]) if kind in now.headers else ["kind of headers gone"]
        if kind in _READ_BY_OTHERS and kind in now.headers:
            found += widenings(schema, now.headers[kind])
        yield from (f"headers of {kind}: {line}, since {release.version}. {_KEEP}" for line in found)
    yield from (f"{line}, since {release.version}. {_KEEP}" for line in taken_back(release.topology, now.topology))
    http = taken_back_over_http(release.openapi, now.openapi)
    yield from (f"{line}, since {release.version}. {_KEEP}" for line in http)


_KEEP = "Keep it as it was, and add what is new beside it."


def _advice(subject: str) -> str:
    match = re.fullmatch(r"(.*?)(?:\.v([0-9]+))?", subject)
    base, version = (match[1], int(match[2] or 1)) if match else (subject, 1)
    return (
        f"Leave {subject} as it was, make the change in a new class with the subject {base}.v{version + 1}, "
        "and serve both for a while."
    )

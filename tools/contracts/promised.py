"""Find what a newer topology no longer promises: streams, subjects, consumers, limits."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
_LESS_IS_WORSE = {"max_msg_size", "max_bytes", "max_age", "max_msgs_per_subject", "duplicate_window"}
_MORE_IS_WORSE = {"acknowledgeSeconds", "longestBackoffSeconds"}
_EXACT = {"jobIdBytesBeforeHash"}
"""Producers compute it as well, to cancel a job."""
_EITHER_WAY = {"retention", "storage", "discard", "allow_atomic", "allow_msg_schedules", "ack_policy", "filter_subject"}


def taken_back(old: Document, new: Document) -> list[str]:
    """Return a line for each thing that somebody may rely on and that is gone, or smaller."""
    found = (
        _named(old, new, "subjects"),
        _limits(old, new),
        _reasons(old, new),
        _retries(old, new),
        _streams(old, new),
    )
    return [line for lines in found for line in lines]


def _named(old: Document, new: Document, part: str) -> Iterator[str]:
    yield from (f"{part}: {name} is gone" for name in old[part] if name not in new[part])


def _limits(old: Document, new: Document) -> Iterator[str]:
    for name, before in old["limits"].items():
        after = new["limits"].get(name)
        if after is None:
            yield f"limits: {name} is gone"
        elif after != before and (name in _EXACT or (after > before) == (name in _MORE_IS_WORSE)):
            yield f"limits: limit tightened: {name} was {before}, is {after}"


def _reasons(old: Document, new: Document) -> Iterator[str]:
    for reason in old["deadReasons"]:
        if reason not in new["deadReasons"]:
            yield f"deadReasons: {reason} is gone"


def _retries(old: Document, new: Document) -> Iterator[str]:
    """A job that is given up sooner is one that an outage of the old length turns into a dead letter.

    Releases before the policies were part of the contract promised none.
    """
    for job_type, before in old.get("retries", {}).items():
        after = new.get("retries", {}).get(job_type)
        if after is None:
            continue  # its subject is gone, which is told
        for name, words in (("most", "attempts"), ("spanSeconds", "seconds")):
            if after[name] < before[name]:
                yield f"retries: {job_type} is given up sooner: after {after[name]} {words}, was {before[name]}"


def _streams(old: Document, new: Document) -> Iterator[str]:
    for part in ("streams", "consumers"):
        now = {_key(one): one for one in new[part]}
        for one in old[part]:
            key = _key(one)
            if key not in now:
                yield f"{part}: {key} is gone"
                continue
            gone = set(one.get("subjects", [])) - set(now[key].get("subjects", []))
            yield from (f"{part}: {key}: subject gone: {subject}" for subject in sorted(gone))
            yield from _config(_promised(one), _promised(now[key]), f"{part}: {key}")


def _promised(one: Document) -> Document:
    """Return the configuration that somebody may rely on; how done jobs leave a queue is between broker and workers."""
    is_queue = any(subject.startswith("jobs.") for subject in one.get("subjects", []))
    return {name: value for name, value in one["config"].items() if not (is_queue and name == "retention")}


def _key(one: Document) -> str:
    return f"{one['name']} on {one['stream']}" if "stream" in one else str(one["name"])


def _config(old: Document, new: Document, where: str) -> Iterator[str]:
    for name in sorted(_LESS_IS_WORSE):
        before, after = old.get(name), new.get(name)
        if after is not None and (before is None or after < before):
            yield f"{where}: limit tightened: {name} was {'free' if before is None else before}, is {after}"
    for name in sorted(_EITHER_WAY):
        if old.get(name) != new.get(name):
            yield f"{where}: {name} changed: was {old.get(name)}, is {new.get(name)}"

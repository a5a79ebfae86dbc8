"""What a caller says of a job besides its message: its id, headers, and when it is to run."""

import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from nightshift.contract import wire
from nightshift.messaging import outbound

_JOB_TYPE = re.compile(r"[^\s.*>]+(?:\.[^\s.*>]+)+")


def new_job_id() -> str:
    """Return an id that sorts by time and is unique: 11 digits of milliseconds and 80 random bits, in hexadecimal."""
    return f"{time.time_ns() // 1_000_000:011x}{os.urandom(10).hex()}"


def checked_type(job_type: str) -> str:
    """Return the job type, which becomes part of a subject: anything but plain tokens could say something else there.

    Raises:
        ValueError: it is none.
    """
    if not _JOB_TYPE.fullmatch(job_type):
        raise ValueError(f"{job_type!r} is no job type: expected <service>.<verb>, for instance email.send")
    return job_type


def checked_headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the caller's headers. Those that the broker obeys could replace, delay or delete more than this job.

    Raises:
        ValueError: one begins with `Nats-`, or is almost ours.
    """
    if not headers:
        return {}
    orders = [name for name in headers if name.lower().startswith(wire.BROKER_PREFIX)]
    if orders:
        raise ValueError(f"headers that begin with Nats- are orders to the broker, not a job's own: {orders}")
    almost = [f"{name!r} (do you mean {meant}?)" for name in headers if (meant := wire.meant_header(name))]
    if almost:
        raise ValueError(f"headers that are almost ours would say nothing: {', '.join(almost)}; pass the id as job_id")
    return headers


def run_time(at: datetime | None, delay: timedelta | None) -> datetime:
    """Return when a job is to run that says one of the two.

    Raises:
        ValueError: it says both or none, or an instant without a time zone.
    """
    if (at is None) == (delay is None):
        raise ValueError("give either `at` or `delay`")
    if at is None:
        return outbound.due(datetime.now(UTC), delay or timedelta())
    if at.tzinfo is None:
        raise ValueError("`at` has no time zone: give an aware datetime, for instance datetime.now(UTC)")
    return min(max(at, outbound.EARLIEST), outbound.LATEST)

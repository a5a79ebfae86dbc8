"""What every peer's job does: it counts, and the last one writes down how long all took, or how late each was."""

import asyncio
import itertools
import json
import os
import sys
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

JOBS = int(os.environ.get("BENCH_JOBS", "0"))
QUEUE = os.environ.get("BENCH_QUEUE", "bench")
NATS_URL = os.environ.get("BENCH_NATS_URL", "")
REDIS_PORT = int(os.environ.get("BENCH_REDIS_PORT", "0"))
POSTGRES_URL = os.environ.get("BENCH_POSTGRES_URL", "")
RESULT = Path(os.environ.get("BENCH_RESULT", "result.json"))
PACED = bool(os.environ.get("BENCH_PACED"))
"""Latency is measured, not throughput: a library that trades one for the other is set up for it."""
PACE_SECONDS = 0.01
"""For latency: 100 jobs a second."""
_FILLER = "x" * 180

_started = _cpu_started = 0.0
_done = 0
_TENTHS = 600_000
_late = array("L", bytes(array("L").itemsize * _TENTHS))
"""How many jobs were so many tenths of a millisecond late: a worker's memory is measured, and must not grow by it."""


def payload() -> str:
    """About 200 bytes that begin with the time of publishing."""
    return f"{time.time():.6f}|{_FILLER}"


def tick(text: str) -> None:
    """One job was run."""
    global _started, _cpu_started, _done  # noqa: PLW0603 - a worker process counts for itself
    now = time.time()
    if not _done:
        _started, _cpu_started = now, time.process_time()
    _done += 1
    _late[max(0, min(int(10_000 * (now - float(text.partition("|")[0]))), _TENTHS - 1))] += 1
    if _done == JOBS:
        _write(now)


def _write(now: float) -> None:
    numbers = {
        "seconds": now - _started,
        "jobs": _done,
        "cpu_seconds": time.process_time() - _cpu_started,
        "p50_ms": _quantile_ms(0.50),
        "p99_ms": _quantile_ms(0.99),
    }
    unfinished = RESULT.with_suffix(".part")
    unfinished.write_text(json.dumps(numbers), encoding="utf-8")
    unfinished.rename(RESULT)


def _quantile_ms(share: float) -> float:
    """Return how late so large a share of the jobs was at most."""
    reached = itertools.accumulate(_late)
    return next(tenths for tenths, jobs in enumerate(reached, 1) if jobs > share * (_done - 1)) / 10


def publish(send: Callable[[str], Awaitable[object]], *, together: int = 100) -> None:
    """Publishes all jobs: as fast as possible, or 100 a second when the command line says `paced`."""
    asyncio.run(publish_async(send, together=together))


async def publish_async(send: Callable[[str], Awaitable[object]], *, together: int = 100) -> None:
    """The same, on a running loop."""
    if "paced" in sys.argv:
        start = time.perf_counter()
        for number in range(JOBS):
            await asyncio.sleep(max(0.0, start + number * PACE_SECONDS - time.perf_counter()))
            await send(payload())
        return
    for begin in range(0, JOBS, together):
        await asyncio.gather(*(send(payload()) for _ in range(min(together, JOBS - begin))))


def publish_sync(send: Callable[[str], object]) -> None:
    """For libraries whose publisher blocks."""
    start = time.perf_counter()
    for number in range(JOBS):
        if "paced" in sys.argv:
            time.sleep(max(0.0, start + number * PACE_SECONDS - time.perf_counter()))
        send(payload())

"""Set the resource limits of an inspection: memory, CPU time, OOM priority, die with the parent."""

import contextlib
import os
import resource
import sys
import threading
from pathlib import Path

from services.upload.inspection import ImageLimits

_MAX_WRITTEN_BYTES = 16 * 1024 * 1024
_MAX_OPEN_FILES = 64
_POLITENESS = 10


def confine(limits: ImageLimits) -> None:
    """Limit the resources of a decoder that a hostile file may have taken over.

    This is no security boundary: the process keeps the rights of its user.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, _MAX_WRITTEN_BYTES)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    if sys.platform == "linux":  # elsewhere a limit on address space is refused, or not kept
        _limit(resource.RLIMIT_AS, limits.memory_bytes)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    os.nice(_POLITENESS)  # the worker's event loop comes first


def die_with_parent(lifeline: int = 0) -> None:
    """Exit when `lifeline`, a pipe whose other end only the parent holds, is closed: however the parent died."""
    threading.Thread(target=_wait_for_the_end, args=(lifeline,), daemon=True).start()


def _wait_for_the_end(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os._exit(1)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (soft, hard))

"""Set hard limits on the resources of this process, which it cannot raise again."""

import contextlib
import os
import resource
import sys
from pathlib import Path

from services.upload.inspection import ImageLimits

_MAX_OPEN_FILES = 64
_NICENESS = 10


def limit_resources(limits: ImageLimits) -> None:
    """Limit memory and processor time; no core dumps, no writing of files, first to go when memory is short."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    # One second more until SIGKILL, which says less about the reason than SIGXCPU.
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    if sys.platform == "linux":  # elsewhere a limit on address space is refused, or not kept
        _limit(resource.RLIMIT_AS, limits.memory_bytes)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    os.nice(_NICENESS)  # the worker's event loop comes first


def forbid_processes() -> None:
    """Let nothing that runs as this user start another process or thread."""
    _limit(resource.RLIMIT_NPROC, 0)


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    wanted = (soft, soft if hard is None else hard)
    _, allowed = resource.getrlimit(which)
    if allowed != resource.RLIM_INFINITY:
        wanted = (min(wanted[0], allowed), min(wanted[1], allowed))
    resource.setrlimit(which, wanted)

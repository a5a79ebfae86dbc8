"""Keep this process private: no other process of the same user may read its memory and environment."""

import ctypes
import sys

_SET_DUMPABLE = 4


def forbid_dumps() -> bool:
    """Let only root read this process's memory, environment and open files, and dump no core; False if not on Linux."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0)

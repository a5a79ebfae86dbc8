"""Shut this process in before it touches a file that may take over its decoder: docs/uploads.md says what holds where.

Everything that the decoders need is imported before; what is left is to read one open file, fonts and Python's own
library, to compute, and to write the answer to standard output.
"""

import importlib
import os
import platform
import sys
import sysconfig
import threading
from contextlib import suppress
from pathlib import Path

from services.upload.dumpable import forbid_dumps
from services.upload.inspection import ImageLimits
from services.upload.inspector.fonts import FONT_FOLDERS
from services.upload.inspector.landlock import landlock_version, restrict_files
from services.upload.inspector.rlimits import forbid_processes, limit_resources
from services.upload.inspector.seccomp import ARCHITECTURES, install_filter, renounce_privileges

_IMPORTED_LATE = (
    "_strptime",
    "calendar",
    "linecache",
    "traceback",
    "encodings.cp1252",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
)
"""Modules that are imported when they are needed first, which would be too late: the library may be out of reach."""
_NOBODY = 65_534
_HIGHEST_DESCRIPTOR = 4096


def confine(limits: ImageLimits, source: int, lifeline: int = 0) -> None:
    """Give up all rights but those to read `source` and to answer; end when `lifeline` is closed.

    `lifeline` is a pipe whose other end only the worker holds, so it is closed however the worker ends.
    """
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    readable = _readable()
    _close_all_but(source)
    limit_resources(limits)
    _become_nobody()
    forbid_dumps()
    renounce_privileges()
    restrict_files(readable)
    _die_with_worker(lifeline)  # a thread inherits what its parent has given up by then
    forbid_processes()
    install_filter()


def missing_layers() -> list[str]:
    """Return what this machine lacks for a full confinement, in words."""
    missing = []
    if sys.platform != "linux":
        return [f"{sys.platform} can limit resources only"]
    if not landlock_version():
        missing.append("this kernel has no Landlock, so files of the same user can be read")
    if platform.machine() not in ARCHITECTURES:
        missing.append(f"there is no filter of system calls for {platform.machine()}")
    return missing


def _close_all_but(source: int) -> None:
    os.closerange(3, source)
    os.closerange(source + 1, _HIGHEST_DESCRIPTOR)


def _become_nobody() -> None:
    """Become another user than the worker's, where the worker is root: only root can."""
    if os.geteuid() == 0:
        with suppress(PermissionError):  # root without its rights, as in a container that has dropped them
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def _readable() -> list[Path]:
    """Return the folders of Python's library, which imports late, and of fonts."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return [*(Path(path) for path in sorted(paths)), *FONT_FOLDERS]


def _die_with_worker(lifeline: int) -> None:
    threading.Thread(target=_wait_for_the_end, args=(lifeline,), daemon=True).start()


def _wait_for_the_end(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os._exit(1)

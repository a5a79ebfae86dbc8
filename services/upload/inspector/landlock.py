"""Take from this process the rights to the file system and to TCP, with Linux's Landlock (landlock(7)).

What is not granted is refused: writing anything, running programs, reading outside of the given folders (`/proc` is
outside of them), connecting and listening (Linux 6.7), signals to others and abstract sockets (Linux 6.12). Tracing
other processes is refused by the kernel as soon as a process is restricted.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System call numbers, the same on all architectures."""
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights to files that a version of Landlock can take away."""
_NET_VERSION, _NET_RIGHTS = 4, 0b11
_SCOPE_VERSION, _SCOPES = 6, 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def landlock_version() -> int:
    """Return the version of Landlock that the kernel offers; 0 if there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, _system_call(_CREATE_RULESET, None, 0, _ASK_VERSION))


def restrict_files(readable: Iterable[Path]) -> bool:
    """Leave this thread, and those that it starts, the right to read the given folders and nothing else.

    Files that are open already stay so. Returns False where the kernel has no Landlock.
    """
    version = landlock_version()
    if not version:
        return False
    files = max(rights for since, rights in _FILE_RIGHTS.items() if since <= version)
    ruleset = _Ruleset(
        files,
        _NET_RIGHTS if version >= _NET_VERSION else 0,
        _SCOPES if version >= _SCOPE_VERSION else 0,
    )
    descriptor = _system_call(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    if descriptor < 0:
        return False
    try:
        for folder in readable:
            _allow(descriptor, folder)
        return _system_call(_RESTRICT_SELF, descriptor, 0, 0) == 0
    finally:
        os.close(descriptor)


def _allow(ruleset: int, folder: Path) -> None:
    try:
        parent = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # there is no such folder on this machine
        return
    try:
        rights = _READ_FILE | (_READ_DIR if folder.is_dir() else 0)
        rule = _PathBeneath(rights, parent)
        _system_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _system_call(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.syscall(ctypes.c_long(number), *(_as_argument(value) for value in arguments)))


def _as_argument(value: object) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value

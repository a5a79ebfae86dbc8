"""Take system calls from this process that no decoder needs, with Linux's seccomp filter (seccomp(2)).

Refused with EPERM: new processes and programs, sockets of any kind, looking into or signalling other processes,
raising limits, changing the user, and what is for administrators. A system call that is newer than this table does
not exist for the process (ENOSYS), and neither does `clone3`, whose flags a filter cannot read.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass

_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_CLONE_THREAD = 0x10000
_NEWEST = 451
"""The newest system call that was looked at."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The ABI of a processor: how the kernel names it, and the column of its numbers."""

    audit: int
    column: int
    newest: int = _NEWEST


ARCHITECTURES = {"x86_64": Architecture(0xC000003E, 0), "aarch64": Architecture(0xC00000B7, 1)}

_SECCOMP = (317, 277)
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # processes and programs
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "setsid": (112, 157), "setpgid": (109, 154), "unshare": (272, 97), "setns": (308, 268),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "move_pages": (279, 239), "migrate_pages": (256, 238),
    # sockets, and what could stand in for them
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "recvfrom": (45, 207), "recvmsg": (47, 212), "recvmmsg": (299, 243), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # limits, users, this filter
    "setrlimit": (160, 164), "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145),
    "setregid": (114, 143), "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151),
    "setfsgid": (123, 152), "setgroups": (116, 159), "capset": (126, 91), "personality": (135, 92),
    "prctl": (157, 167), "seccomp": _SECCOMP,
    # administration
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "inotify_init": (253, None),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "quotactl": (179, 60),
}  # fmt: skip
"""Refused whatever their arguments are, with their numbers on x86_64 and arm64."""
CLONE, CLONE3, PRLIMIT64, KILL, TGKILL = (56, 220), (435, 435), (302, 261), (62, 129), (234, 131)
_X32 = 0x40000000
"""Numbers from here on belong to another ABI of x86_64."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def renounce_privileges() -> bool:
    """Let no program that this process may start gain rights; the kernel asks for this before any filter."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def install_filter() -> bool:
    """Refuse system calls to all threads of this process, for good; False where that cannot be done."""
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None or not renounce_privileges():
        return False
    code = program(architecture, os.getpid())
    compiled = _Program(len(code) // 8, code)
    library = ctypes.CDLL(None, use_errno=True)
    call = (_SECCOMP[architecture.column], _SET_MODE_FILTER, _ALL_THREADS)
    if library.syscall(*map(ctypes.c_long, call), ctypes.byref(compiled)) == 0:
        return True
    return bool(library.prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.byref(compiled), 0, 0) == 0)


def program(architecture: Architecture, pid: int) -> bytes:
    """Return the filter as instructions of classic BPF, for the process `pid`."""
    column, newest = architecture.column, architecture.newest
    code = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture.audit, 1, 0),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER_AT),
        _step(_GREATER, newest, 0, 1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
        _step(_EQUAL, CLONE3[column], 0, 1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
        *_when(CLONE[column], [_step(_LOAD, _low(0)), _step(_ANY_BIT, _CLONE_THREAD, 0, 1), _step(_RETURN, _ALLOW)]),
        *_when(
            PRLIMIT64[column],
            # No new limit: both halves of the pointer are zero.
            [
                _step(_LOAD, _low(2)),
                _step(_EQUAL, 0, 0, 3),
                _step(_LOAD, _low(2) + 4),
                _step(_EQUAL, 0, 0, 1),
                _step(_RETURN, _ALLOW),
            ],
        ),
        *_to_itself(KILL[column], pid),
        *_to_itself(TGKILL[column], pid),
    ]
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            code += _when(number, [])
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _when(number: int, allowed: list[bytes]) -> list[bytes]:
    """Refuse a system call, but for those that `allowed` returns from."""
    return [_step(_EQUAL, number, 0, len(allowed) + 1), *allowed, _step(_RETURN, _ERRNO | errno.EPERM)]


def _to_itself(number: int, pid: int) -> list[bytes]:
    return _when(number, [_step(_LOAD, _low(0)), _step(_EQUAL, pid, 0, 1), _step(_RETURN, _ALLOW)])


def _low(argument: int) -> int:
    """Return the place of the lower half of an argument; both architectures are little-endian."""
    return _ARGUMENTS_AT + 8 * argument


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)

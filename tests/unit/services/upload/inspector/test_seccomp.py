"""The filter of system calls refuses what it should on both architectures; its numbers are those of the kernel."""

import errno
import re
import struct
from pathlib import Path

import pytest

from services.upload.inspector.seccomp import ARCHITECTURES, CLONE, CLONE3, KILL, PRLIMIT64, REFUSED, TGKILL, program

ALLOWED = 0x7FFF0000
NO_PERMISSION, NO_SUCH_CALL = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
KILLED = 0x80000000
PID = 4711
READ, MAP, FUTEX, EXIT = (0, 63), (9, 222), (202, 98), (231, 94)
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """Run the filter as the kernel does (classic BPF, as far as the filter uses it)."""
    architecture = ARCHITECTURES[machine]
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, architecture.audit if audit is None else audit, 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", program(architecture, PID)))
    place, accumulator = 0, 0
    while True:
        code, if_true, if_false, value = steps[place]
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x06:
                return int(value)
            case 0x15 | 0x25 | 0x45:
                holds = {0x15: accumulator == value, 0x25: accumulator > value, 0x45: bool(accumulator & value)}[code]
                place += if_true if holds else if_false
            case _:
                raise AssertionError(hex(code))


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_no_decoder_needs_is_refused(machine: str) -> None:
    """Every entry of the table."""
    column = ARCHITECTURES[machine].column
    numbers = {name: both[column] for name, both in REFUSED.items() if both[column] is not None}
    assert {name for name, number in numbers.items() if verdict(machine, number or 0) != NO_PERMISSION} == set()


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_every_decoder_needs_is_allowed(machine: str) -> None:
    """Reading, memory, waiting, ending."""
    column = ARCHITECTURES[machine].column
    assert {verdict(machine, call[column]) for call in (READ, MAP, FUTEX, EXIT)} == {ALLOWED}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_threads_are_allowed_and_processes_are_not(machine: str) -> None:
    """By the flag that tells them apart; the newer call hides its flags and does not exist."""
    column = ARCHITECTURES[machine].column
    assert verdict(machine, CLONE[column], 0x3D0F00) == ALLOWED
    assert verdict(machine, CLONE[column], 17) == NO_PERMISSION
    assert verdict(machine, CLONE3[column], 0) == NO_SUCH_CALL


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_limits_can_be_read_and_not_set(machine: str) -> None:
    """A pointer to new limits is refused, whichever half of it is not zero."""
    column = ARCHITECTURES[machine].column
    assert verdict(machine, PRLIMIT64[column], 0, 9, 0, 0x7F0000000000) == ALLOWED
    assert verdict(machine, PRLIMIT64[column], 0, 9, 0x7F0000000000) == NO_PERMISSION
    assert verdict(machine, PRLIMIT64[column], 0, 9, 0x1000) == NO_PERMISSION


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_signals_go_to_the_process_itself_only(machine: str) -> None:
    """An abort is one."""
    column = ARCHITECTURES[machine].column
    for call in (KILL, TGKILL):
        assert verdict(machine, call[column], PID) == ALLOWED
        assert verdict(machine, call[column], PID + 1) == NO_PERMISSION


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_is_newer_than_the_table_does_not_exist(machine: str) -> None:
    """A library falls back to what it did before."""
    assert verdict(machine, 452) == NO_SUCH_CALL
    assert verdict(machine, 0x40000000) == NO_SUCH_CALL


def test_a_call_by_another_architecture_ends_the_process() -> None:
    """Its numbers mean something else."""
    assert verdict("x86_64", READ[0], audit=0x40000003) == KILLED


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    """Where this machine has the headers."""
    if not HEADERS[machine].exists():
        pytest.skip("no kernel headers")
    lines = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    known = {name: int(number) for name, number in lines}
    column = ARCHITECTURES[machine].column
    special = {"clone": CLONE, "clone3": CLONE3, "prlimit64": PRLIMIT64, "kill": KILL, "tgkill": TGKILL}
    for name, both in {**REFUSED, **special}.items():
        assert both[column] == known.get(name), name

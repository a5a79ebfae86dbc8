"""What a hostile file may try once it has taken over its decoder, and that it cannot: each tried inside the child."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.upload.inspector.landlock import landlock_version

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can shut a process in")
needs_landlock = pytest.mark.skipif(not landlock_version(), reason="this kernel has no Landlock")

SECRET = "a-password-of-the-worker"
# A worker as it runs: private, with a secret in its environment and its memory; it starts one child and passes on what
# that has found out. The child shuts itself in, runs each deed, and says how it ended.
WORKER = """
import asyncio, os, pathlib, sys
from services.upload.dumpable import forbid_dumps
from services.upload.inspection import ImageLimits, UnreadableFileError
from services.upload.subprocess_inspector import SubprocessInspector
assert forbid_dumps()
source, child, deeds, parts = pathlib.Path(sys.argv[1]), *sys.argv[2:]
async def main():
    command = (sys.executable, "-P", "-c", child, deeds, parts)
    limits = ImageLimits(320, 10**6, 2**30, 30)
    try:
        await SubprocessInspector(limits, timeout_seconds=60, processes=1, command=command).inspect(source, "image/png")
    except UnreadableFileError as told:
        print(told)
asyncio.run(main())
"""
CHILD = """
import ctypes, json, mmap, os, pathlib, resource, signal, socket, subprocess, sys, threading
from services.upload.dumpable import forbid_dumps
from services.upload.inspection import Request, to_answer
from services.upload.inspector import confinement
from services.upload.inspector.landlock import restrict_files
from services.upload.inspector.seccomp import install_filter, renounce_privileges
libc = ctypes.CDLL(None, use_errno=True)
parent, request = os.getppid(), Request.from_json(sys.argv[3])
def call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
def fork():
    if os.fork() == 0:
        os._exit(0)
def raise_limit(which):
    resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
def read_memory():
    with open(f"/proc/{parent}/mem", "rb") as memory:
        memory.seek(int(open(f"/proc/{parent}/maps").readline().split("-")[0], 16))
        memory.read(1)
def vector(address):
    part = (ctypes.c_void_p * 2)(address, 1)
    return ctypes.addressof(part), part
def read_another_process():
    buffer = ctypes.create_string_buffer(1)
    (mine, keep_mine), (theirs, keep_theirs) = vector(ctypes.addressof(buffer)), vector(id(deeds))
    call(310 if os.uname().machine == "x86_64" else 270, parent, mine, 1, theirs, 1, 0)
def trace():
    call(101 if os.uname().machine == "x86_64" else 117, 16, parent, 0, 0)
def leave_the_namespace():
    call(272 if os.uname().machine == "x86_64" else 97, 1 << 28)
deeds = json.loads(sys.argv[1])
exec(sys.argv[2])
endings = {}
for deed in deeds:
    try:
        endings[deed] = ["done", str(eval(deed))[:2000]]
    except BaseException as error:
        endings[deed] = [type(error).__name__, str(error)]
os.write(1, to_answer({"unreadable": json.dumps(endings)}))
"""
ALL = "confinement.confine(request.limits, request.source)"
"""All layers, as the real child has them."""


async def tried(folder: Path, *deeds: str, parts: str = ALL, before: tuple[str, ...] = ()) -> dict[str, Any]:
    """How each deed of a child ended: ["done", what it gave] or [the error's class, its text]."""
    (folder / "source").write_bytes(b"x")
    environment = {**os.environ, "DATABASE_PASSWORD": SECRET, "PYTHONPATH": f"{Path.cwd()}:{Path.cwd() / 'shared'}"}
    arguments = (str(folder / "source"), CHILD, json.dumps(deeds), parts)
    worker = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-c", WORKER, *arguments, env=environment, stdout=subprocess.PIPE
    )
    output, _ = await worker.communicate()
    answer: dict[str, Any] = json.loads(output)
    return answer


def without_roots_rights() -> tuple[str, ...]:
    """A command that makes root an ordinary user: child and worker are the same user then, as in a container."""
    program = shutil.which("setpriv")
    if os.geteuid() != 0 or program is None:
        pytest.skip("needs root and setpriv")
    return program, "--bounding-set=-all", "--inh-caps=-all"


READING = (
    "open(f'/proc/{parent}/environ', 'rb').read()",
    "read_memory()",
    "os.readlink(f'/proc/{parent}/fd/0')",
    "read_another_process()",
    "trace()",
)
"""Environment, memory and files of the worker; through /proc, process_vm_readv(2) and ptrace(2)."""
REFUSED = (
    *READING,
    "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "socket.socket(socket.AF_UNIX)",
    "socket.socketpair()",
    "socket.create_connection(('127.0.0.1', 22), 1)",
    "fork()",
    "os.posix_spawn('/bin/true', ['true'], {})",
    "subprocess.run(['/bin/true'])",
    "os.execv('/bin/true', ['true'])",
    "raise_limit(resource.RLIMIT_AS)",
    "raise_limit(resource.RLIMIT_CPU)",
    "raise_limit(resource.RLIMIT_FSIZE)",
    "raise_limit(resource.RLIMIT_NOFILE)",
    "raise_limit(resource.RLIMIT_NPROC)",
    "raise_limit(resource.RLIMIT_CORE)",
    "resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1))",
    "os.kill(parent, signal.SIGKILL)",
    "os.kill(parent, 0)",
    "os.setpriority(os.PRIO_PROCESS, parent, 19)",
    "os.setuid(0)",
    "os.setresuid(1, 1, 1)",
    "leave_the_namespace()",
    "os.memfd_create('x')",
)


async def test_a_decoder_that_was_taken_over_can_do_no_harm(tmp_path: Path) -> None:
    """Neither read the worker, nor reach the network, start processes, raise its limits or touch other processes."""
    endings = await tried(tmp_path, *REFUSED)
    assert {deed: ending for deed, ending in endings.items() if ending[0] == "done"} == {}


async def test_no_secret_of_the_worker_is_within_its_reach(tmp_path: Path) -> None:
    """Not in its own environment, not in what it can read of the worker's."""
    endings = await tried(tmp_path, "dict(os.environ)", *READING)
    assert "PYTHONPATH" in endings["dict(os.environ)"][1]
    assert SECRET not in json.dumps(endings)


async def test_the_same_holds_where_it_is_the_same_user_as_the_worker(tmp_path: Path) -> None:
    """In a container nobody is root, so the child cannot become another user."""
    endings = await tried(tmp_path, "os.getuid()", *REFUSED, before=without_roots_rights())
    assert endings.pop("os.getuid()") == ["done", str(os.getuid())]
    assert {deed: ending for deed, ending in endings.items() if ending[0] == "done"} == {}


@needs_landlock
async def test_no_file_is_within_its_reach_but_the_library_and_fonts(tmp_path: Path) -> None:
    """Not for reading, not for writing, neither as root's child nor as an ordinary user's."""
    (tmp_path / "state").write_text("of somebody else")
    state = str(tmp_path / "state")
    deeds = [
        f"open({state!r}).read()",
        f"open({state!r}, 'w')",
        f"os.unlink({state!r})",
        f"os.listdir({str(tmp_path)!r})",
    ]
    deeds += [
        "open('/etc/passwd').read()",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        "open('/proc/self/environ').read()",
    ]
    deeds += ["os.mkdir('/tmp/x')", "os.listdir('/')", "open('/dev/shm/x', 'w')"]
    for before in ((), without_roots_rights()):
        endings = await tried(tmp_path, *deeds, before=before)
        assert {deed: ending for deed, ending in endings.items() if ending[0] == "done"} == {}
    assert (tmp_path / "state").read_text() == "of somebody else"


async def test_it_has_no_open_files_of_the_worker(tmp_path: Path) -> None:
    """Only its three standard ones and the file that it inspects."""
    deed = "[number for number in range(64) if not isinstance(opened(number), OSError)]"
    parts = ALL + "\ndef opened(number):\n    try: return os.fstat(number)\n    except OSError as error: return error"
    endings = await tried(tmp_path, deed, "request.source", parts=parts)
    assert json.loads(endings[deed][1]) == [0, 1, 2, int(endings["request.source"][1])]


async def test_what_a_decoder_needs_is_still_there(tmp_path: Path) -> None:
    """Memory, time, its file, numbers by chance, its own signals."""
    deeds: tuple[str, ...] = (
        "os.pread(request.source, 1, 0)",
        "len(bytearray(10**7))",
        "os.urandom(4)",
        "os.times()",
        "os.getpid()",
    )
    deeds += ("mmap.mmap(-1, 4096).close()", "os.kill(os.getpid(), 0)", "resource.getrlimit(resource.RLIMIT_AS)")
    endings = await tried(tmp_path, *deeds)
    assert {ending[0] for ending in endings.values()} == {"done"}


@pytest.mark.parametrize(
    ("layer", "deeds"),
    [
        ("install_filter()", ("fork()", "socket.socket()", "raise_limit(resource.RLIMIT_CORE)", "os.setuid(0)")),
        pytest.param(
            "renounce_privileges(); restrict_files([])", (READING[0], READING[1], READING[4]), marks=needs_landlock
        ),
        ("confinement.forbid_processes(); confinement._become_nobody()", ("fork()",)),
    ],
)
async def test_each_layer_holds_alone(layer: str, deeds: tuple[str, ...], tmp_path: Path) -> None:
    """Where a kernel lacks one of them the others still stand."""
    endings = await tried(tmp_path, *deeds, parts=layer)
    assert {deed: ending for deed, ending in endings.items() if ending[0] == "done"} == {}


async def test_a_private_worker_is_closed_to_others_of_its_user(tmp_path: Path) -> None:
    """Without any other layer: the kernel keeps its environment and its memory from processes of the same user."""
    endings = await tried(tmp_path, *READING, parts="", before=without_roots_rights())
    assert {deed: ending for deed, ending in endings.items() if ending[0] == "done"} == {}

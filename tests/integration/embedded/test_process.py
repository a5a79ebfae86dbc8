"""One child process: its start, its end, and its ties to its parent."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest

from nightshift.embedded.processes import process
from nightshift.embedded.processes.process import LAUNCHER, PortTakenError, Process, StartFailedError

ROOT = LAUNCHER.parent.parent
PARENT = """
import asyncio, sys, time
from pathlib import Path
from nightshift.embedded.processes.process import Process
child = Process("child", [sys.executable, "-c", "import time; time.sleep(60)"], log=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


def _python(code: str, log: Path) -> Process:
    return Process("child", [sys.executable, "-c", code], log=log)


async def _never() -> bool:
    return False


def _alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet has ended all the same."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _thread_states(pid: int) -> set[str]:
    return {file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")}


async def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - the end of a stranger sets no event
        await asyncio.sleep(0.02)
    return not _alive(pid)


async def _printed_pid(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    return int(await process.stdout.readline())


async def _launcher_with_pipe(code: str) -> asyncio.subprocess.Process:
    start = f"import sys; sys.path.insert(0, {str(LAUNCHER.parent)!r}); import die_with_parent; "
    start += "sys.exit(die_with_parent._stay_beside(sys.argv[1:]))"
    return await create_subprocess_exec(
        *(sys.executable, "-c", start, sys.executable, "-c", code), stdin=PIPE, stdout=PIPE, process_group=0
    )


async def test_a_program_that_ends_early_is_quoted(tmp_path: Path) -> None:
    """The error names the program, its exit code, its log file, and its last words, of this run only."""
    log = tmp_path / "a log"
    log.write_text("words of an earlier run\n")
    child = _python("print('no such option'); raise SystemExit(3)", log)
    with pytest.raises(StartFailedError) as raised:
        await child.ready(_never, timeout_seconds=10)
    assert str(raised.value) == (
        f"child ended with exit code 3 before it was ready. The end of its log, {log}:\nno such option"
    )


async def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State that is kept for months does not keep every line: each start puts a large log aside, one at most."""
    monkeypatch.setattr(process, "_LARGE_LOG_BYTES", 10)
    log = tmp_path / "log"
    for number in range(3):
        child = _python(f"print('this is run number {number}')", log)
        await child.wait()
        assert child.output() == f"this is run number {number}\n"
    assert (tmp_path / "log.old").read_text() == "this is run number 1\n"


async def test_a_taken_port_is_told_apart(tmp_path: Path) -> None:
    """A start that fails for its port is worth another try, so it has an error of its own."""
    child = _python("print('listen tcp: bind: address already in use'); raise SystemExit(1)", tmp_path / "log")
    with pytest.raises(PortTakenError):
        await child.ready(_never, timeout_seconds=10)


async def test_a_program_that_is_never_ready_is_killed(tmp_path: Path) -> None:
    """After the deadline there is an error and no process."""
    child = _python("import time; time.sleep(60)", tmp_path / "log")
    with pytest.raises(StartFailedError, match=r"(?s)was not ready within 0.2 s.*printed nothing"):
        await child.ready(_never, timeout_seconds=0.2)
    assert child.exit_code == -signal.SIGKILL


async def test_a_program_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    """A wrong path is told in words, in the log."""
    child = Process("child", [tmp_path / "nothing here"], log=tmp_path / "log")
    with pytest.raises(StartFailedError, match=r"cannot run .*nothing here"):
        await child.ready(_never, timeout_seconds=10)


async def _that_answers_sigterm_by(answer: str, log: Path) -> Process:
    code = f"import signal, sys, time; signal.signal(signal.SIGTERM, {answer}); print('on', flush=True); time.sleep(60)"
    child = _python(code, log)

    async def is_on() -> bool:
        return "on" in child.output()

    await child.ready(is_on)
    return child


async def test_stop_insists_after_its_grace(tmp_path: Path) -> None:
    """A program that ignores SIGTERM is killed."""
    child = await _that_answers_sigterm_by("signal.SIG_IGN", tmp_path / "log")
    assert await child.stop(grace_seconds=0.2) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_paused_program_stands_still_at_once(tmp_path: Path) -> None:
    """When `pause` returns, no thread of it runs any more, so nothing that is sent then is answered."""
    code = "import threading, time; [threading.Thread(target=time.sleep, args=[60]).start() for _ in range(30)]"
    child = _python(f"{code}; print('on', flush=True)", tmp_path / "log")

    async def is_on() -> bool:
        return "on" in child.output()

    await child.ready(is_on)
    for _ in range(50):
        child.pause()
        assert _thread_states(child.pid) == {"T"}
        child.resume()
    await child.kill()
    child.pause()
    assert child.exit_code == -signal.SIGKILL


async def test_a_paused_program_hears_stop(tmp_path: Path) -> None:
    """A program that is frozen gets its chance to end in good order."""
    child = await _that_answers_sigterm_by("lambda *_: sys.exit(5)", tmp_path / "log")
    child.pause()
    assert await child.stop(grace_seconds=30) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    """After kill -9 on the process that started it nothing is left behind."""
    parent = await create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path / "log")), cwd=ROOT, stdout=PIPE
    )  # fmt: skip
    child = await _printed_pid(parent)
    assert _alive(child)
    parent.kill()
    await parent.communicate()
    assert await _gone(child)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_child_dies_with_its_parent_also_where_only_a_pipe_tells() -> None:
    """As on systems other than Linux: at the end of its standard input, the launcher kills the group."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    launcher = await _launcher_with_pipe(code)
    child = await _printed_pid(launcher)
    assert _alive(child)
    await launcher.communicate(b"")  # closes the pipe
    assert await _gone(child)
    assert launcher.returncode == -signal.SIGKILL


async def test_the_launcher_beside_a_program_ends_with_it_and_like_it() -> None:
    """Where it stays beside the program, it passes on the exit code, and says nothing of its own."""
    launcher = await _launcher_with_pipe("raise SystemExit(7)")
    assert await launcher.wait() == 7
    assert launcher.stdin is not None
    launcher.stdin.close()
    await launcher.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
async def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    """The moment between the start and the tie is covered too."""
    launcher = await create_subprocess_exec(
        *(sys.executable, "-I", "-S", LAUNCHER, str(os.getppid()), "/bin/echo", "ran"), stdout=PIPE, stderr=PIPE
    )  # fmt: skip
    assert await launcher.communicate() == (b"", b"the parent died before its child started\n")
    assert launcher.returncode == 1

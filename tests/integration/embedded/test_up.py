"""`python -m nightshift.embedded.up`: the stack in the foreground, as a person meets it."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nightshift.embedded.stack import Stack
from nightshift.embedded.up import run
from tests.repository import ROOT, SERVICES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds child processes in /proc")


class Up:
    """One run, its output line by line."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said = ""

    async def says(self, pattern: str) -> re.Match[str]:
        """Read on until the output so far contains the pattern."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while not (match := re.search(pattern, self.said)):
                line = await self.process.stdout.readline()
                assert line, f"it ended without saying {pattern!r}:\n{self.said}"
                self.said += line.decode()
        return match

    async def ended(self) -> int:
        """Read to the end and return the exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def children(self) -> dict[int, str]:
        """Its child processes, by id, with their command lines."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in pids}

    def child(self, word: str) -> int:
        """The one child whose command line contains a word."""
        (pid,) = (pid for pid, command in self.children().items() if word in command)
        return pid


@asynccontextmanager
async def _up(folder: Path, *arguments: str) -> AsyncIterator[Up]:
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "nightshift.embedded.up", "--folder", str(folder), *arguments),
        cwd=ROOT,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield Up(process)
    finally:
        if process.returncode is None:
            process.terminate()  # not killed: it has something to tidy up
        await asyncio.wait_for(process.communicate(), 60)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_stops_in_good_order_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it with exit code 0 and nothing left running."""
    async with _up(tmp_path / "a folder", "--no-services") as up:
        await up.says("Everything is ready")
        children = up.children()
        assert len(children) == 3
        up.process.send_signal(number)
        assert await up.ended() == 0
        assert all(map(_ended, children))
    assert f"All stopped. The state is kept in {tmp_path / 'a folder'}" in up.said


async def test_it_prints_where_everything_is(tmp_path: Path) -> None:
    """Addresses, keys, folders, and a line that publishes a job: all that a person needs to go on."""
    async with _up(tmp_path, "--no-services") as up:
        for expected in (
            r"broker +nats://127\.0\.0\.1:\d+",
            r"objects \(S3\) +http://127\.0\.0\.1:\d+   bucket: nightshift",
            r"access key +nightshift-\w+",
            r"secret key +\S{20,}",
            rf"mail +smtp://127\.0\.0\.1:\d+   messages: {tmp_path}/mail",
            rf"database +{tmp_path}/nightshift.db",
            rf"logs +{tmp_path}/logs",
            r"\.venv/bin/nightshift send email\.send '\{.*\}' --wait",
            r"\.venv/bin/nightshift top",
        ):
            await up.says(expected)


async def test_it_runs_what_is_to_be_prepared_and_shows_what_that_says(tmp_path: Path) -> None:
    """`make up` makes a key for the gateway with it, and keeps it for its owner's eyes only."""
    nobody = [f"--replicas={name}=0" for name in SERVICES]
    async with _up(tmp_path, "--prepare", "demo.first_steps", *nobody) as up:
        key = (await up.says(r"Bearer (ns_dev_\w+)\" -F file=@demo/samples/chelsea.jpg http://")).group(1)
    kept = tmp_path / "gateway-key"
    assert key == kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C twice does not wait for anything."""
    async with _up(tmp_path, "--no-services") as up:
        await up.says("Everything is ready")
        children = up.children()
        up.process.send_signal(signal.SIGINT)
        await up.says("Stopping")
        up.process.send_signal(signal.SIGINT)
        assert await up.ended() == 0
        assert all(map(_ended, children))
    assert "Volume       stopped" not in (tmp_path / "logs" / "weed.log").read_text()  # its good order takes a second


def _remove_sockets(ports: Path) -> None:
    """Remove what weed leaves in /tmp when it is killed; the next stack in the folder would do so."""
    for port in json.loads(ports.read_text()):
        for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - weed's choice
            file.unlink()


async def test_everything_dies_with_it(tmp_path: Path) -> None:
    """Even kill -9 leaves no process behind."""
    async with _up(tmp_path, "--no-services") as up:
        await up.says("Everything is ready")
        children = up.children()
        up.process.kill()
        await _until(lambda: all(map(_ended, children)))
    _remove_sockets(tmp_path / "objects" / "ports.json")


async def test_a_server_that_died_runs_again_at_the_same_address(tmp_path: Path) -> None:
    """It is said, with the exit code and the log, and the address stays valid."""
    async with _up(tmp_path, "--no-services") as up:
        await up.says("Everything is ready")
        broker = up.child("nats-server")
        os.kill(broker, signal.SIGKILL)
        await up.says(rf"nats-server was ended by SIGKILL; it starts again in 1 s. Its log: {tmp_path}/logs/nats")
        await up.says(r"nats-server is back\.")
        assert up.child("nats-server") != broker
        up.process.send_signal(signal.SIGINT)
        assert await up.ended() == 0


async def test_a_stack_that_cannot_start_is_one_message(tmp_path: Path) -> None:
    """A folder in use: exit code 1, the reason in words, no traceback."""
    async with _up(tmp_path, "--no-services") as first:
        await first.says("Everything is ready")
        async with _up(tmp_path, "--no-services") as second:
            assert await second.ended() == 1
        assert f"a stack is already running in {tmp_path} (process {first.process.pid})" in second.said
        assert second.said.startswith("The stack could not start: ")
        assert second.said.count("\n") == 1


@pytest.mark.parametrize(("name", "words"), [("a file", "is a file"), ("a file/below", "Not a directory")])
async def test_a_folder_that_is_none_is_one_message(tmp_path: Path, name: str, words: str) -> None:
    """Said at once and in words: what it is, and what to do."""
    (tmp_path / "a file").touch()
    async with _up(tmp_path / name, "--no-services") as up:
        assert await up.ended() == 1
    assert re.fullmatch(rf"The stack could not start: .*{tmp_path / name} .*{words}.*use another.*\n", up.said)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replicas", "nobody=1"), f"there is no service 'nobody' in {ROOT}; there are: "),
        (("--replicas", "scheduler"), "'scheduler' is not of the form SERVICE=N"),
        (("--replicas", "scheduler=-1"), "'scheduler=-1' is not of the form SERVICE=N"),
        (("--set", "LOG_LEVEL"), "'LOG_LEVEL' is not of the form NAME=VALUE"),
    ],
)
async def test_a_wrong_argument_is_explained(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2 and a sentence, before anything starts."""
    async with _up(tmp_path, *arguments) as up:
        assert await up.ended() == 2
    assert message in up.said
    assert "Traceback" not in up.said


def test_a_defect_is_not_taken_for_a_wrong_argument(tmp_path: Path) -> None:
    """An error that no start explains is raised as it is."""

    class Broken(Stack):
        async def start(self) -> None:
            raise KeyError("a defect")

    with pytest.raises(KeyError, match="a defect"):
        run(Broken(tmp_path), [], provision=False)


async def test_services_run_and_run_again(tmp_path: Path) -> None:
    """Services become ready, the scheduler in two processes, and one that is killed comes back."""
    others = [f"--replicas={name}=0" for name in SERVICES if name != "scheduler"]
    async with _up(tmp_path, *others) as up:
        await up.says("Everything is ready")
        schedulers = [pid for pid, command in up.children().items() if "services.scheduler" in command]
        assert len(schedulers) == 2
        os.kill(schedulers[0], signal.SIGKILL)
        await up.says(r"scheduler(-2)? was ended by SIGKILL; it starts again in 1 s")
        await up.says(r"scheduler(-2)? is back\.")
        assert sum("services.scheduler" in command for command in up.children().values()) == 2
        up.process.send_signal(signal.SIGTERM)
        assert await up.ended() == 0

"""What the command line looks like from outside, as a process: help, exit codes, terminals, signals."""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.cli.command_line import parser
from nightshift.config import env_file
from tests.integration.cli.harness import Operator, run_command
from tests.repository import ROOT

BASH = shutil.which("bash")
COMMANDS = (
    ("send",),
    *(("queues", name) for name in ("list", "describe", "pause", "resume", "purge")),
    *(("jobs", name) for name in ("find", "cancel")),
    *(("outbox", name) for name in ("list", "show", "retry", "drop", "grant")),
    *(("dlq", name) for name in ("list", "show", "redrive", "purge")),
    *(("cron", name) for name in ("list", "next", "history", "run", "pause", "resume")),
    ("workers", "list"),
    ("top",),
    ("doctor",),
    ("upgrade",),
    ("credentials",),
    *(("webhooks", name) for name in ("send", "list", "show", "replay")),
    ("completion",),
)


def nightshift(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a process."""
    command = [sys.executable, "-m", "nightshift.cli", *arguments]
    surroundings = {**os.environ, "NATS_URL": "nats://127.0.0.1:9", **environ}
    return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own program


def in_bash(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in bash, at the project's root."""
    command = [BASH or "bash", "-c", script]
    surroundings = {**os.environ, **environ}
    return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own words


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """--help says what it does and shows one use of it that parses."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"nightshift {' '.join(command)}" in text.split("example:")[1]


def test_the_help_lists_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """So that nobody has to guess."""
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    text = capsys.readouterr().out
    for word in (
        "send",
        "queues",
        "jobs",
        "outbox",
        "dlq",
        "cron",
        "top",
        "doctor",
        "workers",
        "up",
        "provision",
        "exit codes:",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("quues", "list"), "did you mean queues?"),
        (("queues", "lst"), "did you mean list?"),
        (("send", "email.send", "{}", "--delay", "soon"), "expected one like 90s"),
        (("send", "email.send", "{}", "--at", "2026-07-25T06:00:00"), "no time zone"),
        (("send", "email.send", "{}", "--at", "tomorrow"), "expected one like 2026-07-25T06:00:00Z"),
        (("send", "email.send", "{}", "--delay", "-5s"), "'-5s' is negative; expected a span such as 5s"),
        (("dlq", "list", "--older", "-1d"), "'-1d' is negative"),
        (("dlq", "list", "--reason", "permanant"), "--reason: there is no 'permanant'; did you mean permanent?"),
        (
            ("dlq", "list", "--reason", "foo"),
            "there are: invalid, unknown-type, permanent, attempts-exhausted, crash-loop",
        ),
        (("dlq", "list", "--limit", "-1"), "'-1' is not a whole number from 0"),
        (("dlq", "redrive", "--rate", "nan"), "'nan' is not a number from 0"),
        (("cron", "next", "--count", "0"), "'0' is not a whole number from 1"),
        (("queues", "pause", "email", "--for", "0s"), "'0s' is no time at all"),
        ((), "required"),
    ],
)
def test_a_mistyped_command_says_what_was_meant(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and where to read more."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(arguments)
    text = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in text
    assert "--help" in text


def test_wrong_settings_are_named_without_a_traceback() -> None:
    """As a service does it, with exit code 2."""
    ran = nightshift("queues", "list", NATS_URL="here", DATABASE_URL="there")
    assert ran.returncode == 2
    assert "NATS_URL: is 'here'" in ran.stderr
    assert "DATABASE_URL: is not usable" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_flags_may_stand_before_the_command_or_behind_it() -> None:
    """Both reach it."""
    before = parser().parse_args(["--json", "--url", "nats://a", "queues", "list"])
    behind = parser().parse_args(["queues", "list", "--json", "--url", "nats://a"])
    assert (before.json, before.url) == (behind.json, behind.url) == (True, "nats://a")


async def test_a_running_embedded_stack_is_found_by_itself(operator: Operator, tmp_path: Path) -> None:
    """Without any setting the command line uses the stack that `nightshift up` runs, and says so."""
    with env_file.written(tmp_path, operator.environ) as file:
        assert file.stat().st_mode & 0o077 == 0
        assert env_file.read(tmp_path) == operator.environ
        found = await run_command(("queues", "list", "--sample", "0s"), {}, tmp_path)
        doctor = await run_command(("doctor",), {}, tmp_path)
    assert found.code == 0
    assert f"the embedded stack in {tmp_path}" in doctor.out
    assert env_file.read(tmp_path) == {}


def test_what_is_declared_is_provisioned(operator: Operator) -> None:
    """With the settings of the stack, again and again; --check only compares."""
    assert "Everything is in place (0 changes)." in nightshift("provision", **operator.environ).stdout
    checked = nightshift("provision", "--check", **operator.environ)
    assert (checked.returncode, "Streams and consumers are as declared." in checked.stdout) == (0, True)


async def test_an_address_that_is_given_counts_more_than_the_embedded_stack(operator: Operator, tmp_path: Path) -> None:
    """Nobody's job goes to another broker than the one that was named."""
    with env_file.written(tmp_path, operator.environ):
        other = await run_command(("queues", "list"), {"NATS_URL": "nats://127.0.0.1:9"}, tmp_path)
    assert (other.code, "127.0.0.1:9 (NATS_URL)" in other.err) == (3, True)


def test_there_is_colour_on_a_terminal_and_nowhere_else(broker_url: str) -> None:
    """And not where NO_COLOR is set."""
    plain = nightshift("queues", "list", "--sample", "0s", NATS_URL=broker_url)
    assert "\x1b[" not in plain.stdout
    assert "\x1b[" in _on_a_terminal(broker_url)
    assert "\x1b[31m" not in _on_a_terminal(broker_url, NO_COLOR="1")


def test_the_live_screen_runs_until_ctrl_c(broker_url: str) -> None:
    """It draws itself again and again, and ends with exit code 130 and the terminal as it was."""
    with _terminal("top", "--every", "0.2s", NATS_URL=broker_url) as (process, read):
        shown = _until(read, r"QUEUE.*QUEUE")
        process.send_signal(signal.SIGINT)
        shown += _until(read, r"\x1b\[\?1049l")
        assert process.wait(timeout=20) == 130
    assert "Traceback" not in shown


def test_the_live_screen_ends_at_q_and_breaks_no_name_in_80_columns(broker_url: str) -> None:
    """Exit code 0, and the terminal as it was."""
    with _terminal("top", "--every", "1h", NATS_URL=broker_url, COLUMNS="80") as (process, terminal):
        before = termios.tcgetattr(terminal)
        shown = _until(terminal, r"no dead letters")
        os.write(terminal, b"q")
        shown += _until(terminal, r"\x1b\[\?1049l")
        assert process.wait(timeout=20) == 0
        assert termios.tcgetattr(terminal) == before
    for whole in ("maintenance", "WORKERS", "0 */6 * * *", "report.weekly"):
        assert whole in shown


@pytest.mark.skipif(not BASH, reason="there is no bash to make a pipe in")
def test_a_reader_who_has_seen_enough_is_no_error(broker_url: str) -> None:
    """As in `nightshift … | head -1`."""
    ran = in_bash(
        f"'{sys.executable}' -m nightshift.cli queues list --sample 0s | true; echo ${{PIPESTATUS[0]}}",
        NATS_URL=broker_url,
    )
    assert ran.stdout.strip() == "0"
    assert "BrokenPipe" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], ["completion", "bash"], ["doctor", "--json"], ["queues", "list"]],
    ids=" ".join,
)
def test_an_output_that_cannot_be_written_is_told_in_one_line(
    broker_url: str, command: list[str], unbuffered: str
) -> None:
    """The disk is full of the file that it goes to; a program that reads the exit code knows that it is incomplete."""
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-m", "nightshift.cli", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "NATS_URL": broker_url, "PYTHONUNBUFFERED": unbuffered},
        )
    assert (ran.returncode, ran.stderr) == (74, "the output cannot be written: No space left on device\n")


@pytest.mark.skipif(not BASH, reason="there is no bash to close an output in")
def test_a_command_without_an_output_does_its_work(broker_url: str) -> None:
    """As some supervisors start programs."""
    ran = in_bash(f"'{sys.executable}' -m nightshift.cli queues list --sample 0s >&-; echo $?", NATS_URL=broker_url)
    assert (ran.stdout.strip(), ran.stderr) == ("0", "")


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_broker_of_a_program_is_named_as_that_of_a_command(where: str, broker_url: str) -> None:
    """Options stand before or after its name, and count more than NATS_URL."""
    flag = ["--url", broker_url]
    typed = [*flag, "provision", "--check"] if where == "before" else ["provision", "--check", *flag]
    ran = nightshift(*typed, DATABASE_URL="sqlite:///unused.db")
    assert (ran.returncode, "as declared" in ran.stdout) == (0, True), ran.stdout + ran.stderr


def test_up_has_a_broker_of_its_own() -> None:
    """It takes no other's address, and says so."""
    ran = nightshift("up", "--url", "nats://127.0.0.1:4222")
    assert (ran.returncode, ran.stderr) == (2, "nightshift up: it starts a broker of its own: leave out --url\n")


@pytest.fixture
def broker_url(operator: Operator) -> str:
    """The broker's address, for processes."""
    return operator.stack.broker.url


def _on_a_terminal(url: str, **environ: str) -> str:
    with _terminal("queues", "list", "--sample", "0s", NATS_URL=url, **environ) as (process, read):
        shown = _until(read, "upload.*\n")
        process.wait(timeout=20)
    return shown


@contextlib.contextmanager
def _terminal(*arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Runs the command line on a terminal of its own; gives the process and what to read from."""
    ours, theirs = pty.openpty()
    surroundings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "150", "LINES": "60", **environ}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "nightshift.cli", *arguments],
        cwd=ROOT,
        env=surroundings,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def _until(read: int, pattern: str) -> str:
    """Reads from a terminal until a pattern has appeared."""
    shown, deadline = "", time.monotonic() + 30
    while not re.search(pattern, shown, re.DOTALL):
        ready, _, _ = select.select([read], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{pattern!r} did not appear in {shown!r}"
        try:
            shown += os.read(read, 65_536).decode("utf-8", "replace")
        except OSError:  # the process has ended
            break
    return shown

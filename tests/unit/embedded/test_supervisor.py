"""Programs that are kept running."""

import asyncio
from pathlib import Path

import pytest

from nightshift.embedded.processes import supervisor
from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.processes.supervisor import keep_running, next_delay


def test_the_wait_doubles_up_to_a_ceiling_while_a_program_dies_young() -> None:
    """A program that cannot live does not keep the machine busy."""
    delays = [0.0]
    for _ in range(7):
        delays.append(next_delay(delays[-1], lived_seconds=0.1))
    assert delays[1:] == [1, 2, 4, 8, 16, 30, 30]


def test_a_healthy_run_ends_the_waiting() -> None:
    """A program that ran for a minute starts again after a second."""
    assert next_delay(30, lived_seconds=60) == 1
    assert next_delay(30, lived_seconds=59) == 30


class FakeProcess:
    """A run that ends at once."""

    async def wait(self) -> int:
        """End."""
        return 7

    def output(self) -> str:
        """Say something."""
        return "the settings are wrong:\n  SMTP_PORT: is 'x'\n\n"


class FakeProgram:
    """A program that fails to start the first time, and ends at once the next times."""

    name = "fake"
    log = Path("fake.log")
    process = FakeProcess()
    fails = True

    def __init__(self, starts: int) -> None:
        self.starts: list[int] = []
        self.done = asyncio.Event()
        self._wanted = starts

    async def is_ready(self) -> bool:
        """Never: it ends at once."""
        return False

    async def start(self) -> None:
        """Record the start."""
        self.starts.append(len(self.starts))
        if len(self.starts) == self._wanted:
            self.done.set()
        if len(self.starts) == 1 and self.fails:
            raise StartFailedError("fake was not ready within 3 s. The end …\nof its log")


async def test_a_program_that_ends_is_started_again_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each end is told in one line, with exit code, last words, wait and log, and the program starts again."""
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_SECONDS", 0.001)
    said: list[str] = []
    program = FakeProgram(starts=3)
    task = asyncio.create_task(keep_running(program, said.append))
    async with asyncio.timeout(5):
        await program.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert said[:2] == [
        "fake was not ready within 3 s. The end …; it starts again in 0.001 s. Its log: fake.log",
        "fake ended with exit code 7 (SMTP_PORT: is 'x'); it starts again in 0.002 s. Its log: fake.log",
    ]


class LastingProcess(FakeProcess):
    """A run that ends at once the first time, and lasts the next time."""

    runs = 0

    async def wait(self) -> int:
        """End, or not."""
        self.runs += 1
        if self.runs > 1:
            await asyncio.Event().wait()
        return 7


class FakeService(FakeProgram):
    """A program that ends once, and is ready at the third look."""

    fails = False

    def __init__(self) -> None:
        super().__init__(starts=3)
        self.looks = 0
        self.process = LastingProcess()

    async def is_ready(self) -> bool:
        """Say so in the end."""
        self.looks += 1
        return self.looks == 3


async def test_a_program_that_is_ready_again_is_said_to_be_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, when it can be used again, so that nobody has to look; not at the first start."""
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_SECONDS", 0.001)
    monkeypatch.setattr(supervisor, "_POLL_SECONDS", 0.001)
    said: asyncio.Queue[str] = asyncio.Queue()
    program = FakeService()
    task = asyncio.create_task(keep_running(program, said.put_nowait))
    async with asyncio.timeout(5):
        lines = [await said.get() for _ in range(2)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "it starts again" in lines[0]
    assert lines[1] == "fake is back."
    assert said.empty()
    assert program.looks == 3

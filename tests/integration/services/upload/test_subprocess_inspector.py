"""A file that crashes, hangs or starves its decoder harms only the process that looks into it."""

import asyncio
import io
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from PIL import Image

from services.upload.inspection import ImageLimits, Inspection, InspectionInterruptedError, UnreadableFileError
from services.upload.subprocess_inspector import SubprocessInspector

LIMITS = ImageLimits(thumbnail_pixels=320, max_image_pixels=1_000_000, memory_bytes=2**30, cpu_seconds=30)
DEADLINE_SECONDS = 20.0
# A child that says its id, shuts itself in as the real one does, and then does what the test wants.
PROLOGUE = """
import ctypes, os, pathlib, signal, sys, time
from services.upload.inspection import Request, to_answer
from services.upload.inspector.confinement import confine
folder, request = pathlib.Path(sys.argv[1]), Request.from_json(sys.argv[2])
(folder / "pid.new").write_text(str(os.getpid()))
(folder / "pid.new").rename(folder / "pid")
confine(request.limits, request.source)
def answer(text): os.write(1, to_answer({"unreadable": str(text)}))
"""


def inspector(limits: ImageLimits = LIMITS, *, timeout_seconds: float = 30) -> SubprocessInspector:
    """The real thing."""
    return SubprocessInspector(limits, timeout_seconds=timeout_seconds, processes=2)


def misled(deed: str, photo: Path, limits: ImageLimits = LIMITS, *, timeout_seconds: float = 30) -> SubprocessInspector:
    """An inspector whose decoder does something bad; its process id is in `pid` beside the photo."""
    command = (sys.executable, "-P", "-c", PROLOGUE + deed, str(photo.parent))
    return SubprocessInspector(limits, timeout_seconds=timeout_seconds, processes=2, command=command)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small PNG in a folder of its own."""
    folder = tmp_path / "photo"
    folder.mkdir()
    Image.new("RGB", (64, 48), "red").save(folder / "source", "PNG")
    return folder / "source"


def overwrite(photo: Path, data: bytes) -> None:
    """Puts another file in its place."""
    photo.write_bytes(data)


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something outside this process, up to a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether there is such a process (a zombie is none)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return not Path("/proc/self").exists()
    return False


async def test_findings_and_thumbnail_come_back(photo: Path) -> None:
    """What the child found, and the path of what it made."""
    found = await inspector().inspect(photo, "image/png")
    assert found.metadata["width"] == 64
    assert found.thumbnail is not None
    with Image.open(io.BytesIO(found.thumbnail)) as thumbnail:
        assert thumbnail.size == (64, 48)


async def test_a_pdf_is_read_too(photo: Path) -> None:
    """The sample document has five pages."""
    shutil.copy("demo/samples/nightshift-guarantees.pdf", photo)
    found = await inspector().inspect(photo, "application/pdf")
    assert found.metadata == {"kind": "pdf", "pages": 5, "encrypted": False, "title": "What Nightshift Guarantees"}
    assert found.thumbnail is not None


def test_it_works_on_the_loop_that_services_run_on(photo: Path) -> None:
    """Under uvloop, whose subprocesses are its own: findings, and a child killed at its timeout."""

    async def both() -> Inspection:
        with pytest.raises(InspectionInterruptedError):
            await misled("time.sleep(60)", photo, timeout_seconds=0.5).inspect(photo, "image/png")
        return await inspector().inspect(photo, "image/png")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(both()).metadata["width"] == 64


async def test_the_reason_for_a_refusal_comes_back(photo: Path) -> None:
    """As the child put it."""
    overwrite(photo, b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UnreadableFileError, match="begins like a PNG image"):
        await inspector().inspect(photo, "image/png")


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("ctypes.string_at(0)", "its decoder crashed on it .SIGSEGV."),
        ("os.abort()", "its decoder crashed on it .SIGABRT."),
    ],
)
async def test_a_crash_is_the_files_fault_and_stays_in_its_process(deed: str, reason: str, photo: Path) -> None:
    """A neighbour that is inspected at the same time, and the next file, know nothing of it."""
    neighbour = photo.parent.parent / "neighbour" / "source"
    neighbour.parent.mkdir()
    shutil.copy(photo, neighbour)
    crashing, sound = misled(deed, photo), inspector()
    outcomes = await asyncio.gather(
        crashing.inspect(photo, "image/png"), sound.inspect(neighbour, "image/png"), return_exceptions=True
    )
    assert isinstance(outcomes[0], UnreadableFileError)
    with pytest.raises(UnreadableFileError, match=reason):
        raise outcomes[0]
    assert isinstance(outcomes[1], Inspection)
    assert (await sound.inspect(photo, "image/png")).metadata["width"] == 64


async def test_a_document_that_draws_itself_without_end_is_refused(photo: Path) -> None:
    """A few hundred bytes that bring the real decoder down."""
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</I 5 0 R>>>>/Length 11>>"
    overwrite(
        photo,
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>endobj\n"
        b"4 0 obj<</Length 5>>stream\n/I Do\nendstream endobj\n"
        b"5 0 obj" + form + b"stream\n/I Do /I Do\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    )
    with pytest.raises(UnreadableFileError, match=r"crashed|memory|processor time"):
        await inspector().inspect(photo, "application/pdf")


async def test_endless_computing_is_stopped_and_the_files_fault(photo: Path) -> None:
    """Processor time is counted whatever else the machine does, so the verdict does not depend on its load."""
    limits = ImageLimits(thumbnail_pixels=320, max_image_pixels=10**6, memory_bytes=2**30, cpu_seconds=1)
    with pytest.raises(UnreadableFileError, match="more than 1 s of processor time"):
        await misled("while True: pass", photo, limits).inspect(photo, "image/png")


async def test_a_hang_is_stopped_and_tried_again(photo: Path) -> None:
    """Waiting may be the machine's fault; the process is gone when the job hears of it."""
    with pytest.raises(InspectionInterruptedError, match="longer than 2 s"):
        await misled("time.sleep(600)", photo, timeout_seconds=2).inspect(photo, "image/png")
    assert not lives(int((photo.parent / "pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
async def test_a_hunger_for_memory_ends_in_a_reason(photo: Path) -> None:
    """A real image within the pixel limit that needs more memory than the process gets."""
    limits = ImageLimits(thumbnail_pixels=320, max_image_pixels=10**9, memory_bytes=400 * 2**20, cpu_seconds=30)
    buffer = io.BytesIO()
    Image.new("1", (16_000, 16_000)).save(buffer, "PNG")
    data = buffer.getvalue()
    overwrite(photo, data)
    assert len(data) < 100_000
    with pytest.raises(UnreadableFileError, match="more than 400 MiB of memory"):
        await inspector(limits).inspect(photo, "image/png")


async def test_a_process_killed_from_outside_is_tried_again(photo: Path) -> None:
    """As the kernel does when the machine has no memory left: that need not be the file's fault."""
    with pytest.raises(InspectionInterruptedError, match="killed from outside"):
        await misled("os.kill(os.getpid(), signal.SIGKILL)", photo).inspect(photo, "image/png")


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("raise KeyError('a mistake of ours')", "exit code 1: KeyError: 'a mistake of ours'"),
        ("", "left no answer"),
        ("os.write(1, b'{')", "left no answer"),
        ("os.write(1, b'{}')", "left no answer"),
    ],
)
async def test_a_mistake_of_the_program_is_not_blamed_on_the_file(deed: str, reason: str, photo: Path) -> None:
    """It is tried again, and then a dead letter that can be redriven, with the last line of what went wrong."""
    with pytest.raises(InspectionInterruptedError, match=reason):
        await misled(deed, photo).inspect(photo, "image/png")


async def test_cancelling_kills_the_process(photo: Path) -> None:
    """A job that times out leaves nothing running."""
    task = asyncio.create_task(misled("time.sleep(600)", photo).inspect(photo, "image/png"))
    await until((photo.parent / "pid").exists)
    pid = int((photo.parent / "pid").read_text())
    assert lives(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lives(pid)


async def test_processes_die_with_the_worker(photo: Path) -> None:
    """Even if that is killed with -9 and can say nothing to them."""
    worker = (
        "import asyncio, pathlib, sys\n"
        "from services.upload.subprocess_inspector import SubprocessInspector\n"
        "from services.upload.inspection import ImageLimits\n"
        "inspector = SubprocessInspector(ImageLimits(320, 10**6, 2**30, 30), timeout_seconds=60, processes=1,"
        " command=(sys.executable, '-P', '-c', sys.argv[2], str(pathlib.Path(sys.argv[1]).parent)))\n"
        "asyncio.run(inspector.inspect(pathlib.Path(sys.argv[1]), 'image/png'))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", worker, str(photo), PROLOGUE + "time.sleep(600)"
    )
    try:
        await until((photo.parent / "pid").exists)
        child = int((photo.parent / "pid").read_text())
        assert lives(child)
    finally:
        process.kill()
        await process.wait()
    await until(lambda: not lives(child))


async def test_no_more_processes_run_than_allowed(photo: Path) -> None:
    """The third file waits until one of two has ended."""
    started = photo.parent / "started"
    started.mkdir()
    waiting = (
        "import os, pathlib, sys, time\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "(folder / str(os.getpid())).touch()\n"
        "while not (folder / f'go-{os.getpid()}').exists(): time.sleep(0.01)\n"
    )
    command = (sys.executable, "-P", "-c", waiting, str(started))
    busy = SubprocessInspector(LIMITS, timeout_seconds=30, processes=2, command=command)
    tasks = [asyncio.create_task(busy.inspect(photo, "image/png")) for _ in range(3)]
    pids: list[Path] = []

    def running(count: int) -> bool:
        pids[:] = [path for path in started.iterdir() if path.name.isdigit()]
        return len(pids) >= count

    await until(lambda: running(2))
    assert len(pids) == 2
    (started / f"go-{pids[0].name}").touch()
    await until(lambda: running(3))
    for path in pids:
        (started / f"go-{path.name}").touch()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InspectionInterruptedError] * 3  # none of them answered


async def test_an_answer_without_end_is_cut_short(photo: Path) -> None:
    """It fills neither memory nor disk of the worker."""
    with pytest.raises(UnreadableFileError, match="without end"):
        await misled("while True: os.write(1, bytes(65536))", photo).inspect(photo, "image/png")
    assert not lives(int((photo.parent / "pid").read_text()))


async def test_a_log_without_end_does_not_stop_it(photo: Path) -> None:
    """Its last line is kept, the rest thrown away."""
    deed = "for _ in range(200): os.write(2, bytes(65536))\nos.write(2, b'\\nlast words'); os._exit(3)"
    with pytest.raises(InspectionInterruptedError, match="exit code 3: last words"):
        await misled(deed, photo).inspect(photo, "image/png")


async def test_a_decoder_sees_none_of_the_workers_secrets(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment holds what it needs to start, and its standard input no data."""
    monkeypatch.setenv("S3_SECRET_KEY", "do-not-tell")
    with pytest.raises(UnreadableFileError) as told:
        await misled("answer(sorted(os.environ))", photo).inspect(photo, "image/png")
    assert "PYTHONPATH" in str(told.value)
    assert "S3_SECRET_KEY" not in str(told.value)


async def test_ctrl_c_in_the_workers_terminal_is_not_the_childs(photo: Path) -> None:
    """It has a session of its own, so the worker can end its jobs in peace."""
    with pytest.raises(UnreadableFileError, match="True"):
        await misled("answer(os.getsid(0) == os.getpid())", photo).inspect(photo, "image/png")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN

"""The line per job: the agreed fields, written once per round of the event loop, none lost."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nightshift.config.redaction import Redactor
from nightshift.observability.job_log import JobEnds, JobLines

pytestmark = pytest.mark.usefixtures("process_secrets")


def add(lines: JobLines, *ids: str, traces: Sequence[str | None] = (), **changes: Any) -> None:
    """Add lines about jobs that went well, but for the changes."""
    ids = ids or ("1",)
    ends = {"type": "email.send", "attempt": 1, "outcome": "done", **changes}
    lines.extend(JobEnds(**ends, ids=[*ids], milliseconds=[12.346] * len(ids), traces=[*traces] or [None] * len(ids)))


def parsed(written: list[bytes]) -> list[dict[str, Any]]:
    """The lines as objects."""
    return [json.loads(line) for line in b"".join(written).decode().splitlines()]


def test_a_line_has_the_agreed_fields() -> None:
    """Dashboards and alarms are built on these names."""
    written: list[bytes] = []
    add(JobLines("email", written.append, coloured=None))
    (line,) = parsed(written)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "service": "email",
        "event": "job",
        "type": "email.send",
        "job_id": "1",
        "attempt": 1,
        "duration_ms": 12.346,
        "outcome": "done",
        "success": True,
    }


def test_a_failure_says_why() -> None:
    """Error and trace are there when there are any, and the line is a warning."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)
    add(lines, outcome="retry", error="token=abc refused", traces=["f" * 32])
    (line,) = parsed(written)
    assert (line["level"], line["success"]) == ("warning", False)
    assert (line["error"], line["trace_id"]) == ("token=*** refused", "f" * 32)


async def test_lines_of_one_round_are_written_together() -> None:
    """A hundred jobs that end in one round of the loop cost one write."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)
    for number in range(100):
        add(lines, str(number))
    assert written == []
    await asyncio.sleep(0)
    assert len(written) == 1
    assert [line["job_id"] for line in parsed(written)] == [str(number) for number in range(100)]


async def test_each_round_writes_its_own() -> None:
    """Writing once does not stop the next round from being written."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)
    for number in range(3):
        add(lines, str(number))
        await asyncio.sleep(0)
    assert len(written) == 3


async def test_a_long_round_does_not_gather_without_end() -> None:
    """Memory stays bounded when very many jobs end in one round."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)
    for number in range(2_500):
        add(lines, str(number))
    assert len(parsed(written)) == 2_000


def test_jobs_that_ended_alike_have_a_line_each() -> None:
    """With its own id and trace."""
    written: list[bytes] = []
    add(JobLines("email", written.append, coloured=None), "a", "b", "c", traces=["1" * 32, None, "3" * 32])
    told = [(line["job_id"], line.get("trace_id")) for line in parsed(written)]
    assert told == [("a", "1" * 32), ("b", None), ("c", "3" * 32)]


def test_lines_of_a_loop_that_ended_are_not_stuck() -> None:
    """A second loop in the same process writes at the end of its own rounds."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)

    async def last_words() -> None:
        asyncio.get_running_loop().stop()  # this round is the last: what it schedules is never run
        add(lines, "first")

    loop = asyncio.new_event_loop()
    task = loop.create_task(last_words())
    loop.run_forever()
    loop.close()
    assert task.done()

    async def second() -> None:
        add(lines, "second")
        await asyncio.sleep(0)

    asyncio.run(second())
    assert [line["job_id"] for line in parsed(written)] == ["first", "second"]


async def test_a_flush_from_another_thread_loses_nothing() -> None:
    """A record logged by a thread flushes while the loop adds."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)
    done = threading.Event()

    def keep_flushing() -> None:
        while not done.is_set():
            lines.flush()

    thread = threading.Thread(target=keep_flushing)
    thread.start()
    for number in range(20_000):
        add(lines, str(number))
    done.set()
    thread.join()
    lines.flush()
    assert sorted(int(line["job_id"]) for line in parsed(written)) == list(range(20_000))


@given(job_id=st.text(), job_type=st.text())
@example(job_id="del \x7f, next line \x85", job_type="line separator \u2028")
@example(job_id="right to left \u202e", job_type="\u2066\u200f\ufeff")
@example(job_id="half a character \udc80", job_type="\r\n")
def test_nothing_typed_by_anybody_breaks_a_line(job_id: str, job_type: str) -> None:
    """Ids and types come off the wire: each job stays one line, as JSON and as text."""
    for coloured in (None, False):
        written: list[bytes] = []
        add(JobLines("email", written.append, coloured=coloured), job_id, type=job_type)
        (data,) = written
        assert data.endswith(b"\n")
        assert len(data.decode().splitlines()) == 1
        if coloured is None:
            assert json.loads(data)["event"] == "job"
            assert not set("\u202e\u2066\u200f\ufeff") & set(data.decode()), "nothing turns what is shown behind it"


def test_a_secret_in_an_id_is_hidden(process_secrets: Redactor) -> None:
    """Known values and shapes alike, also when only one of many lines has one."""
    process_secrets.protect("swordfish-1")
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=None)
    add(lines, "harmless", "swordfish-1/x", "nats://u:p@h")
    assert [line["job_id"] for line in parsed(written)] == ["harmless", "***/x", "nats://***@h"]


def test_long_ids_are_cut() -> None:
    """A job id of 10,000 characters does not make 10,000 characters of log."""
    written: list[bytes] = []
    add(JobLines("email", written.append, coloured=None), "x" * 10_000, type="y" * 10_000, error="z" * 100_000)
    (line,) = parsed(written)
    assert line["job_id"] == "x" * 200 + "…"
    assert line["type"] == "y" * 200 + "…"
    assert len(line["error"]) < 20_000


def test_people_get_a_sentence() -> None:
    """The text form says what ended how, and how long it took."""
    written: list[bytes] = []
    lines = JobLines("email", written.append, coloured=False)
    add(lines, "a b")
    add(lines, "2", outcome="retry", attempt=2, error="refused")
    first, second = b"".join(written).decode().splitlines()
    assert first[12:] == " INFO    email: email.send done in 12.3 ms job_id='a b' attempt=1"
    assert second[12:] == " WARNING email: email.send retry in 12.3 ms job_id=2 attempt=2 error=refused"

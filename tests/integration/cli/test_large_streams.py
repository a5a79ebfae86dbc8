"""The command line beside large streams and tables: it reads what it shows, not all there is."""

import io
import json
import re
import tracemalloc
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert

from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.database import open_database
from nightshift.database.tables import outbox
from tests.integration.cli.harness import Operator

LETTERS, BODY_BYTES = 300, 20_000
FEW_BYTES = 1_500_000
"""What the newest few of them come to, with all else that a command asks; all of them are 6,000,000."""
OUTBOX_ROWS = 20_000


def sent_bytes(operator: Operator) -> int:
    """What the broker has sent to its clients so far."""
    with urllib.request.urlopen(f"{operator.stack.broker.monitoring_url}/varz", timeout=5) as answer:  # noqa: S310 - our own broker
        return int(json.load(answer)["out_bytes"])


def received_messages(operator: Operator) -> int:
    """How many messages, requests among them, clients have sent to the broker so far."""
    with urllib.request.urlopen(f"{operator.stack.broker.monitoring_url}/varz", timeout=5) as answer:  # noqa: S310 - our own broker
        return int(json.load(answer)["in_msgs"])


async def bury(operator: Operator, count: int = LETTERS, body: bytes = b"x" * BODY_BYTES) -> None:
    """Write dead letters whose error is their number, from 1."""
    for number in range(1, count + 1):
        headers = {wire.JOB_ID: f"job-{number}", wire.DEAD_ERROR: f"error {number}", wire.DEAD_REASON: "permanent"}
        await operator.connection.jetstream().publish("dead.email.send", body, headers=headers)


async def sequences(operator: Operator) -> list[int]:
    """The sequences of the first and the last dead letter."""
    state = (await manage(operator.connection, "STREAM.INFO.EMAIL_DLQ"))["state"]
    return list(range(state["first_seq"], state["last_seq"] + 1))


async def forget(operator: Operator, gone: Sequence[int]) -> None:
    """Delete dead letters, as a redrive does."""
    for sequence in gone:
        await manage(operator.connection, "STREAM.MSG.DELETE.EMAIL_DLQ", {"seq": sequence, "no_erase": True})


@pytest.mark.parametrize(
    "command", [("queues", "describe", "email"), ("top", "--once"), ("dlq", "list", "--limit", "9")]
)
async def test_the_newest_dead_letters_are_shown_without_reading_the_others(
    operator: Operator, command: tuple[str, ...]
) -> None:
    """Also where the older ones fill their stream."""
    await bury(operator)
    before = sent_bytes(operator)
    result = await operator.run(*command, "--json")
    assert sent_bytes(operator) - before < FEW_BYTES
    rows = result.json if command[0] == "dlq" else result.json["lastErrors"]
    count = {"queues": 5, "top": 8, "dlq": 9}[command[0]]
    assert [row["error"] for row in rows] == [f"error {number}" for number in range(LETTERS - count + 1, LETTERS + 1)]


async def test_one_dead_letter_is_shown_without_reading_the_others(operator: Operator) -> None:
    """A reference says where it is; two that are far apart are two questions."""
    await bury(operator)
    first, *_, last = await sequences(operator)
    before = sent_bytes(operator)
    result = await operator.run("dlq", "show", f"email:{first}", f"email:{last}", "--json")
    assert sent_bytes(operator) - before < FEW_BYTES
    assert [letter["error"] for letter in result.json] == ["error 1", f"error {LETTERS}"]


class _Watched(io.StringIO):
    """Remembers how much the broker had sent when the first row was printed."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._operator, self.sent = operator, 0

    def write(self, text: str) -> int:
        self.sent = self.sent or sent_bytes(self._operator)
        return super().write(text)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["a table", "JSON"])
async def test_all_dead_letters_are_printed_while_they_are_read(operator: Operator, form: tuple[str, ...]) -> None:
    """The first rows do not wait for the last ones, of which there may be more than fit into memory."""
    await bury(operator, 2 * LETTERS)
    await operator.connection.jetstream().publish("dead.sync.external", b"{}", headers={wire.DEAD_ERROR: "error 601"})
    before, out = sent_bytes(operator), _Watched(operator)
    result = await operator.run("dlq", "list", "--limit", "0", *form, out=out)
    assert out.sent - before < LETTERS * BODY_BYTES
    numbers = [int(number) for number in re.findall(r"error (\d+)", result.out)]
    assert numbers == list(range(1, 2 * LETTERS + 2))


def _tally(count: int) -> dict[str, Any]:
    """What is said where all that matched was done."""
    return {"matched": count, "done": count, "missing": []}


async def test_what_is_named_is_deleted_and_redriven_without_reading_the_others(operator: Operator) -> None:
    """A reference says where it is."""
    await bury(operator)
    first, second, *_, last = await sequences(operator)
    before = sent_bytes(operator)
    redriven = await operator.run("dlq", "redrive", f"email:{last}", "--yes", "--json")
    deleted = await operator.run("dlq", "purge", f"email:{first}", f"email:{second}", "--yes", "--json")
    assert sent_bytes(operator) - before < FEW_BYTES
    assert (redriven.json, deleted.json) == (_tally(1), _tally(2))
    assert (await manage(operator.connection, "STREAM.INFO.EMAIL_DLQ"))["state"]["messages"] == LETTERS - 3


async def test_all_dead_letters_of_a_service_are_deleted_by_one_request(operator: Operator) -> None:
    """Those that came after the question stay, as do those of others."""
    await bury(operator, count=20, body=b"{}")
    await operator.connection.jetstream().publish("dead.sync.external", b"{}")
    before = received_messages(operator)
    deleted = await operator.run("dlq", "purge", "--service", "email", "--yes", "--json")
    assert deleted.json == _tally(20)
    assert received_messages(operator) - before < 20
    left = (await operator.run("dlq", "list", "--limit", "0", "--json")).json
    assert [row["type"] for row in left] == ["sync.external"]


GAPS: dict[str, Any] = {
    "the newest gone": lambda numbers: numbers[-30:],
    "few left far apart": lambda numbers: [number for number in numbers if number % 40],
    "a gap in front of many": lambda numbers: numbers[100:299],
    "five left": lambda numbers: numbers[2:-3],
    "one left": lambda numbers: numbers[1:],
}


@pytest.mark.parametrize("gone", GAPS.values(), ids=GAPS)
async def test_the_newest_are_found_behind_gaps(operator: Operator, gone: Any) -> None:
    """Redriven and deleted letters leave gaps of any size in the sequence."""
    await bury(operator, body=b"{}")
    await forget(operator, gone(await sequences(operator)))
    every = [row["error"] for row in (await operator.run("dlq", "list", "--limit", "0", "--json")).json]
    described = (await operator.run("queues", "describe", "email", "--json")).json
    assert [row["error"] for row in described["lastErrors"]] == every[-5:]


@pytest.fixture
def traced_memory() -> Iterator[None]:
    """Memory is measured meanwhile."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced_memory")
async def test_a_large_outbox_is_searched_in_little_memory(operator: Operator) -> None:
    """The job that is looked for is found among many others that are not published yet."""
    database = open_database(operator.environ["DATABASE_URL"])
    now = datetime.now(UTC)
    rows = [
        {
            "id": f"email/email.send/parent/{number}",
            "consumer": "email",
            "subject": "jobs.email.send",
            "body": b"{}",
            "headers": {wire.JOB_ID: f"waiting-{number}", "X-Note": "x" * 500},
            "created_at": now,
        }
        for number in range(OUTBOX_ROWS)
    ]
    async with database.write() as connection:
        await connection.execute(insert(outbox), rows)
    del rows
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        result = await operator.run("jobs", "find", f"waiting-{OUTBOX_ROWS - 1}", "--json")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        async with database.write() as connection:
            await connection.execute(delete(outbox))
        await database.close()
    assert [trace["state"] for trace in result.json] == ["outbox"]
    assert peak < 8_000_000

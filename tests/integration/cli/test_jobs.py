"""`nightshift jobs`: where a job is, and taking back one that has not started."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert

from contracts.email import SendEmail
from nightshift.cli.queries.streams import message_at
from nightshift.database import open_database
from nightshift.database.tables import outbox, processed_messages
from nightshift.messaging import outbound
from tests.harness import stored
from tests.integration.cli.harness import Operator
from tests.integration.cli.test_queues import pull_one

FAR = datetime(2100, 1, 1, tzinfo=UTC)
MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")


@pytest.fixture(autouse=True)
async def _empty_database(operator: Operator) -> None:
    database = open_database(operator.environ["DATABASE_URL"])
    async with database.write() as connection:
        await connection.execute(delete(processed_messages))
        await connection.execute(delete(outbox))
    await database.close()


async def note_done(operator: Operator, job_id: str) -> None:
    """Writes the inbox row of a job."""
    database = open_database(operator.environ["DATABASE_URL"])
    row = {"consumer": "email", "type": "email.send", "id": job_id, "processed_at": datetime.now(UTC)}
    async with database.write() as connection:
        await connection.execute(insert(processed_messages), row)
    await database.close()


async def states(operator: Operator, job_id: str) -> list[str]:
    """The states of a job's traces, the one that counts first."""
    return [trace["state"] for trace in (await operator.run("jobs", "find", job_id, "--everywhere", "--json")).json]


async def test_a_job_is_found_wherever_it_is(operator: Operator) -> None:
    """Waiting in its queue, in a worker's hand, scheduled, or between two attempts."""
    for job_id in ("in-hand", "in-queue"):
        await operator.publisher.publish(MAIL, job_id=job_id)
    await pull_one(operator)
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1), job_id="planned")
    await operator.publisher.publish_later(
        MAIL, delay=timedelta(hours=1), job_id="again", headers={"Job-Attempt-Base": "2"}
    )
    found = [await states(operator, job_id) for job_id in ("in-hand", "in-queue", "planned", "again")]
    assert found == [["in flight"], ["waiting"], ["scheduled"], ["retrying"]]
    assert "attempt 3 of 24 runs then" in (await operator.run("jobs", "find", "again")).out


async def test_a_misspelt_job_is_found_and_cancelled(operator: Operator) -> None:
    """Whether it waits for a worker, or for its next attempt: nobody has a contract of its type."""
    stream = operator.connection.jetstream()
    await stream.publish("jobs.email.sned", b"{}", headers={"Job-Id": "waits"})
    copy = outbound.scheduled("email.sned.v2", "again", b"{}", {"Job-Attempt-Base": "2"}, FAR)
    await stream.publish(copy.subject, copy.body, headers={**copy.headers, "Job-Id": "again"})
    assert [await states(operator, job_id) for job_id in ("waits", "again")] == [["waiting"], ["retrying"]]
    assert "attempt 3 of 12 runs then" in (await operator.run("jobs", "find", "again")).out
    for job_id in ("waits", "again"):
        assert (await operator.run("jobs", "cancel", job_id, "--yes")).code == 0
        assert await states(operator, job_id) == []


async def test_a_job_typed_by_hand_is_found_by_its_origin(operator: Operator) -> None:
    """Without any header its id is where it is stored."""
    await operator.connection.jetstream().publish("jobs.email.send", b"{}")
    (job,) = await stored(operator.connection, "EMAIL")
    message = await message_at(operator.connection, "EMAIL", job.sequence)
    assert message is not None
    assert await states(operator, message.origin()) == ["waiting"]


async def test_a_job_that_is_done_is_found_in_the_database(operator: Operator) -> None:
    """Its inbox row says when; a duplicate that waits does not make it less done."""
    await note_done(operator, "finished")
    await operator.publisher.publish(MAIL, job_id="finished")
    assert await states(operator, "finished") == ["done", "waiting"]
    assert "its effects are committed" in (await operator.run("jobs", "find", "finished")).out


async def test_a_dead_job_is_found_with_its_reason(operator: Operator) -> None:
    """Its history shows every death."""
    for number in range(2):
        headers = {"Job-Id": "poison", "Dead-Reason": "permanent", "Dead-Error": f"mailbox is full {number}"}
        await operator.connection.jetstream().publish("dead.email.send", b"{}", headers=headers)
    result = await operator.run("jobs", "find", "poison")
    assert result.code == 0
    assert result.out.count("permanent: mailbox is full") == 2


async def test_a_job_that_is_not_published_yet_is_found_in_the_outbox(operator: Operator) -> None:
    """Its parent has committed; the relay will publish it."""
    database = open_database(operator.environ["DATABASE_URL"])
    row = {"id": "r/1", "consumer": "report", "subject": "jobs.email.send", "body": b"{}"}
    async with database.write() as connection:
        await connection.execute(
            insert(outbox), {**row, "headers": {"Job-Id": "follow-up"}, "created_at": datetime.now(UTC)}
        )
    await database.close()
    assert await states(operator, "follow-up") == ["outbox"]


async def test_without_a_database_it_says_what_cannot_be_told(operator: Operator) -> None:
    """No trace may mean done."""
    result = await operator.run("jobs", "find", "nowhere", without=("DATABASE_URL",))
    assert result.code == 1
    assert "DATABASE_URL is not set: finished jobs cannot be seen" in result.out


async def test_another_type_is_not_looked_at(operator: Operator) -> None:
    """--type narrows; a mistyped one is refused."""
    await operator.publisher.publish(MAIL, job_id="one")
    assert (await operator.run("jobs", "find", "one", "--type", "upload.process", "--json")).json == []
    assert (await operator.run("jobs", "find", "one", "--type", "upload.proces")).code == 2


@pytest.mark.parametrize("headers", [{}, {"Job-Attempt-Base": "1"}])
async def test_a_job_that_waits_for_its_time_is_cancelled(operator: Operator, headers: dict[str, str]) -> None:
    """Its schedule is gone; so is a retry's."""
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1), job_id="planned", headers=headers)
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1), job_id="other")
    result = await operator.run("jobs", "cancel", "planned", "--yes")
    assert (result.code, "cancelled email.send planned" in result.out) == (0, True)
    assert [job.subject for job in await stored(operator.connection, "EMAIL_LATER")] == ["later.email.send.other"]


async def test_a_job_that_waits_in_its_queue_is_cancelled(operator: Operator) -> None:
    """No worker will ever get it."""
    for job_id in ("first", "second"):
        await operator.publisher.publish(MAIL, job_id=f"cancel-{job_id}")
    result = await operator.run("jobs", "cancel", "cancel-second", "--yes", "--json")
    (row,) = result.json
    assert (row["jobId"], row["state"], row["did"]) == ("cancel-second", "waiting", "removed")
    assert [job.headers["Job-Id"] for job in await stored(operator.connection, "EMAIL")] == ["cancel-first"]


async def test_a_job_in_hand_whose_worker_does_not_answer_is_cancelled_in_the_database(operator: Operator) -> None:
    """The worker may have died, or be of an older version: neither it nor the next one can commit the job."""
    await operator.publisher.publish(MAIL, job_id="running")
    await pull_one(operator)
    result = await operator.run("jobs", "cancel", "running", "--yes")
    assert (result.code, "no worker answers for it" in result.out) == (0, True)
    assert "running" in (await operator.run("jobs", "list", "--outcome", "cancelled")).out
    (found,) = (await operator.run("jobs", "find", "running", "--json")).json
    assert (found["state"], found["detail"]) == ("cancelled", "it was cancelled before a worker had it")


async def test_without_a_database_a_job_that_no_worker_answers_for_is_not_cancelled(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and what to do."""
    await operator.publisher.publish(MAIL, job_id="held")
    await pull_one(operator)
    monkeypatch.delitem(operator.environ, "DATABASE_URL")
    result = await operator.run("jobs", "cancel", "held", "--yes")
    assert (result.code, "no worker answers for it" in result.err) == (1, True)


async def test_what_is_done_or_unknown_is_not_cancelled(operator: Operator) -> None:
    """With the reason; exit code 1."""
    await note_done(operator, "finished")
    assert "is done" in (await operator.run("jobs", "cancel", "finished", "--yes")).err
    assert "job nobody was not found" in (await operator.run("jobs", "cancel", "nobody", "--yes")).err


async def test_cancelling_asks_first(operator: Operator) -> None:
    """Without an answer the job stays."""
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1), job_id="planned")
    assert (await operator.run("jobs", "cancel", "planned")).code == 2
    assert len(await stored(operator.connection, "EMAIL_LATER")) == 1

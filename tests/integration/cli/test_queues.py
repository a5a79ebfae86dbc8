"""`nightshift queues`: the figures, pausing and emptying."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.email import SendEmail
from contracts.upload import ProcessUpload
from nightshift.broker.jetstream import manage
from tests.harness import stored
from tests.integration.cli.harness import Operator

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")


async def row(operator: Operator, name: str = "email", *more: str) -> dict[str, Any]:
    """The figures of one service."""
    result = await operator.run("queues", "list", "--json", *(more or ("--sample", "0s")))
    return next(row for row in result.json if row["service"] == name)


async def pull_one(operator: Operator, stream: str = "EMAIL") -> None:
    """Takes one job in hand, as a worker does."""
    subscription = await operator.connection.jetstream().pull_subscribe_bind("email", stream)
    await subscription.fetch(1, timeout=5)
    await subscription.unsubscribe()


async def test_the_figures_are_what_is_there(operator: Operator) -> None:
    """Waiting, in flight, between two attempts, scheduled, dead, and the age of the oldest."""
    for _ in range(3):
        await operator.publisher.publish(MAIL)
    await pull_one(operator)
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1))
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1), headers={"Job-Attempt-Base": "2"})
    await operator.connection.jetstream().publish("dead.email.send", b"{}")
    figures = await row(operator)
    counted = {
        name: figures[name] for name in ("waiting", "inFlight", "retrying", "scheduled", "later", "dead", "workers")
    }
    assert counted == {"waiting": 2, "inFlight": 1, "retrying": 1, "scheduled": 1, "later": 2, "dead": 1, "workers": 0}
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(figures["oldest"]) < timedelta(seconds=30)


async def test_rates_are_measured(operator: Operator) -> None:
    """What came in and what went out while it looked."""

    async def load() -> None:
        await asyncio.sleep(0.3)
        for _ in range(20):
            await operator.publisher.publish(MAIL)
        await manage(operator.connection, "STREAM.PURGE.EMAIL", {"keep": 10})

    figures, _ = await asyncio.gather(row(operator, "email", "--sample", "1s"), load())
    assert 5 < figures["perSecondIn"] <= 20
    assert 2 < figures["perSecondOut"] <= 10


async def test_the_table_names_every_service(operator: Operator) -> None:
    """A line each, under heads that --help explains."""
    result = await operator.run("queues", "list", "--sample", "0s")
    heads, *lines = result.out.splitlines()
    assert heads.split()[:4] == ["QUEUE", "WAITING", "RUNNING", "RETRY"]
    assert {"email", "upload", "sync", "report", "maintenance"} <= {line.split()[0] for line in lines}


async def test_a_paused_service_gets_nothing_until_it_is_resumed(operator: Operator) -> None:
    """The broker itself holds it back, whichever worker asks, and it keeps that over a restart."""
    assert (await operator.run("queues", "pause", "email")).code == 0
    await operator.publisher.publish(MAIL)
    await operator.stack.broker.restart()
    await operator.connection.ready(10)
    assert (await row(operator))["paused"] is True
    assert "paused" in (await operator.run("queues", "list", "--sample", "0s")).out
    assert "email was resumed" in (await operator.run("queues", "resume", "email")).out
    await pull_one(operator)
    figures = await row(operator)
    assert (figures["paused"], figures["inFlight"]) == (False, 1)


async def test_a_pause_can_end_by_itself(operator: Operator) -> None:
    """--for says when."""
    result = await operator.run("queues", "pause", "email", "--for", "2h", "--json")
    until = datetime.fromisoformat(result.json["until"])
    assert timedelta(hours=1, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=2)
    await operator.run("queues", "resume", "email")


async def test_purging_says_how_many_and_spares_the_rest(operator: Operator) -> None:
    """Only waiting jobs of that service; what waits for its time stays, and dead letters do."""
    await operator.publisher.publish(MAIL)
    await operator.publisher.publish(ProcessUpload(file_id="f", user_id="u"))
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1))
    result = await operator.run("queues", "purge", "email", "--yes", "--json")
    assert result.json == {"service": "email", "waiting": 1, "later": 0}
    left = [len(await stored(operator.connection, stream)) for stream in ("EMAIL", "EMAIL_LATER", "UPLOAD")]
    assert left == [0, 1, 1]


async def test_what_waits_for_its_time_is_purged_by_name(operator: Operator) -> None:
    """--later, and one type of it if wanted."""
    await operator.publisher.publish(MAIL)
    await operator.publisher.publish_later(MAIL, delay=timedelta(hours=1))
    result = await operator.run("queues", "purge", "email", "--later", "--type", "email.send", "--yes")
    assert "1 job deleted from email" in result.out
    assert [len(await stored(operator.connection, stream)) for stream in ("EMAIL", "EMAIL_LATER")] == [1, 0]


async def test_purging_asks_first(operator: Operator) -> None:
    """The question says how many; without an answer nothing is deleted."""
    await operator.publisher.publish(MAIL)
    result = await operator.run("queues", "purge", "email")
    assert (result.code, "Delete 1 job of email" in result.err) == (2, True)
    assert len(await stored(operator.connection, "EMAIL")) == 1


async def test_a_service_is_described_whole(operator: Operator) -> None:
    """Streams and their limits, consumers, types, and what died last."""
    await operator.publisher.publish(MAIL)
    await operator.connection.jetstream().publish("dead.email.send", b"{}", headers={"Dead-Error": "mailbox is full"})
    result = await operator.run("queues", "describe", "email")
    for words in ("EMAIL_LATER", "1.0 GiB", "jobs.email.>", "email.send", "mailbox is full"):
        assert words in result.out
    described = (await operator.run("queues", "describe", "email", "--json")).json
    (of_type,) = described["types"]
    assert (of_type["type"], of_type["waiting"], of_type["dead"]) == ("email.send", 1, 1)
    assert described["lastErrors"][0]["error"] == "mailbox is full"


@pytest.mark.parametrize("command", ["describe", "pause", "resume", "purge"])
async def test_a_queue_that_does_not_exist_is_refused(operator: Operator, command: str) -> None:
    """With what may have been meant."""
    result = await operator.run("queues", command, "emial")
    assert (result.code, "did you mean email?" in result.err) == (2, True)


async def test_a_type_of_another_service_is_not_purged_by_mistake(operator: Operator) -> None:
    """The name and the type have to agree."""
    result = await operator.run("queues", "purge", "email", "--type", "upload.process", "--yes")
    assert (result.code, "not a type of email" in result.err) == (2, True)

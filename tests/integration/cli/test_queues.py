"""`nightshift queues`: the figures, pausing and emptying."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.email import SendEmail
from contracts.upload import ProcessUpload
from nightshift.broker.jetstream import manage
from tests.harness import stored
from tests.integration.cli.desk import Desk

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")


async def row(desk: Desk, name: str = "email", *more: str) -> dict[str, Any]:
    """The figures of one service."""
    said = await desk.run("queues", "list", "--json", *(more or ("--sample", "0s")))
    return next(row for row in said.json if row["service"] == name)


async def pull_one(desk: Desk, stream: str = "EMAIL") -> None:
    """Takes one job in hand, as a worker does."""
    subscription = await desk.connection.jetstream().pull_subscribe_bind("email", stream)
    await subscription.fetch(1, timeout=5)
    await subscription.unsubscribe()


async def test_the_figures_are_what_is_there(desk: Desk) -> None:
    """Waiting, in flight, between two attempts, scheduled, dead, and the age of the oldest."""
    for _ in range(3):
        await desk.publisher.publish(MAIL)
    await pull_one(desk)
    await desk.publisher.publish_later(MAIL, delay=timedelta(hours=1))
    await desk.publisher.publish_later(MAIL, delay=timedelta(hours=1), headers={"Job-Attempt-Base": "2"})
    await desk.connection.jetstream().publish("dead.email.send", b"{}")
    figures = await row(desk)
    counted = {
        name: figures[name] for name in ("waiting", "inFlight", "retrying", "scheduled", "later", "dead", "workers")
    }
    assert counted == {"waiting": 2, "inFlight": 1, "retrying": 1, "scheduled": 1, "later": 2, "dead": 1, "workers": 0}
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(figures["oldest"]) < timedelta(seconds=30)


async def test_rates_are_measured(desk: Desk) -> None:
    """What came in and what went out while it looked."""

    async def load() -> None:
        await asyncio.sleep(0.3)
        for _ in range(20):
            await desk.publisher.publish(MAIL)
        await manage(desk.connection, "STREAM.PURGE.EMAIL", {"keep": 10})

    figures, _ = await asyncio.gather(row(desk, "email", "--sample", "1s"), load())
    assert 5 < figures["perSecondIn"] <= 20
    assert 2 < figures["perSecondOut"] <= 10


async def test_the_table_names_every_service(desk: Desk) -> None:
    """A line each, under heads that --help explains."""
    said = await desk.run("queues", "list", "--sample", "0s")
    heads, *lines = said.out.splitlines()
    assert heads.split()[:4] == ["QUEUE", "WAITING", "RUNNING", "RETRY"]
    assert {"email", "upload", "sync", "report", "maintenance"} <= {line.split()[0] for line in lines}


async def test_a_paused_service_gets_nothing_until_it_is_resumed(desk: Desk) -> None:
    """The broker itself holds it back, whichever worker asks, and it keeps that over a restart."""
    assert (await desk.run("queues", "pause", "email")).code == 0
    await desk.publisher.publish(MAIL)
    await desk.stack.broker.restart()
    await desk.connection.ready(10)
    assert (await row(desk))["paused"] is True
    assert "paused" in (await desk.run("queues", "list", "--sample", "0s")).out
    assert "email was resumed" in (await desk.run("queues", "resume", "email")).out
    await pull_one(desk)
    figures = await row(desk)
    assert (figures["paused"], figures["inFlight"]) == (False, 1)


async def test_a_pause_can_end_by_itself(desk: Desk) -> None:
    """--for says when."""
    said = await desk.run("queues", "pause", "email", "--for", "2h", "--json")
    until = datetime.fromisoformat(said.json["until"])
    assert timedelta(hours=1, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=2)
    await desk.run("queues", "resume", "email")


async def test_purging_says_how_many_and_spares_the_rest(desk: Desk) -> None:
    """Only waiting jobs of that service; what waits for its time stays, and dead letters do."""
    await desk.publisher.publish(MAIL)
    await desk.publisher.publish(ProcessUpload(file_id="f", user_id="u"))
    await desk.publisher.publish_later(MAIL, delay=timedelta(hours=1))
    said = await desk.run("queues", "purge", "email", "--yes", "--json")
    assert said.json == {"service": "email", "waiting": 1, "later": 0}
    left = [len(await stored(desk.connection, stream)) for stream in ("EMAIL", "EMAIL_LATER", "UPLOAD")]
    assert left == [0, 1, 1]


async def test_what_waits_for_its_time_is_purged_by_name(desk: Desk) -> None:
    """--later, and one type of it if wanted."""
    await desk.publisher.publish(MAIL)
    await desk.publisher.publish_later(MAIL, delay=timedelta(hours=1))
    said = await desk.run("queues", "purge", "email", "--later", "--type", "email.send", "--yes")
    assert "1 job deleted from email" in said.out
    assert [len(await stored(desk.connection, stream)) for stream in ("EMAIL", "EMAIL_LATER")] == [1, 0]


async def test_purging_asks_first(desk: Desk) -> None:
    """The question says how many; without an answer nothing is deleted."""
    await desk.publisher.publish(MAIL)
    said = await desk.run("queues", "purge", "email")
    assert (said.code, "Delete 1 job of email" in said.err) == (2, True)
    assert len(await stored(desk.connection, "EMAIL")) == 1


async def test_a_service_is_described_whole(desk: Desk) -> None:
    """Streams and their limits, consumers, types, and what died last."""
    await desk.publisher.publish(MAIL)
    await desk.connection.jetstream().publish("dead.email.send", b"{}", headers={"Dead-Error": "mailbox is full"})
    said = await desk.run("queues", "describe", "email")
    for words in ("EMAIL_LATER", "1.0 GiB", "jobs.email.>", "email.send", "mailbox is full"):
        assert words in said.out
    described = (await desk.run("queues", "describe", "email", "--json")).json
    (of_type,) = described["types"]
    assert (of_type["type"], of_type["waiting"], of_type["dead"]) == ("email.send", 1, 1)
    assert described["lastErrors"][0]["error"] == "mailbox is full"


@pytest.mark.parametrize("command", ["describe", "pause", "resume", "purge"])
async def test_a_queue_that_does_not_exist_is_refused(desk: Desk, command: str) -> None:
    """With what may have been meant."""
    said = await desk.run("queues", command, "emial")
    assert (said.code, "did you mean email?" in said.err) == (2, True)


async def test_a_type_of_another_service_is_not_purged_by_mistake(desk: Desk) -> None:
    """The name and the type have to agree."""
    said = await desk.run("queues", "purge", "email", "--type", "upload.process", "--yes")
    assert (said.code, "not a type of email" in said.err) == (2, True)

"""What is enqueued by SQL is published once, by the relay of its service, and told to it, on both kinds of database."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import delete, insert, select

from nightshift.broker import Connection, QueueFullError
from nightshift.broker.jetstream import manage
from nightshift.broker.message import OutboundMessage
from nightshift.database import Database, migrate, open_database
from nightshift.database.notifications import (
    AWAKE_LOCK,
    QUIET_SECONDS,
    CommitCounter,
    Listener,
    Notifications,
    Polling,
    listen,
)
from nightshift.database.producers import let_producers, rings
from nightshift.database.tables import outbox
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping.enqueued import EnqueuedRelay
from nightshift.instants import utc_now
from nightshift.messaging.enqueued import PAGE, EnqueuedRows, Turn
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits
from tests.harness import Stored, cancelled, eventually, probe_topology, stored
from tests.pooler import transaction_pooler

SUBJECT, BODY = "jobs.probe.run", b'{"name":"x"}'
TOO_LARGE = b'{"name":"' + b"x" * 200_000 + b'"}'
"""For a publisher without an object store: no try will ever succeed."""


@pytest.fixture
async def offering(database: Database) -> AsyncIterator[Database]:
    """A database whose producers may enqueue probes."""
    await let_producers(database.url, ["probe.run", "other.run"], notify=True)
    yield database
    async with database.write() as connection:
        await connection.execute(delete(outbox))


async def enqueue(database: Database, *job_ids: str, **values: object) -> None:
    """Write rows as a producer does, in one transaction of somebody else's."""
    written = [
        {"consumer": "", "subject": SUBJECT, "body": BODY, "headers": {"Job-Id": job_id}, **values}
        for job_id in job_ids
    ]
    other = open_database(database.url)
    try:
        async with other.write() as connection:
            await connection.execute(insert(outbox), written)
    finally:
        await other.close()


def fresh(count: int = 1) -> list[str]:
    """Ids that no test has used."""
    return [uuid4().hex for _ in range(count)]


async def left(database: Database) -> list[Any]:
    """The rows that are in the outbox."""
    async with database.read() as connection:
        return list((await connection.execute(select(outbox).order_by(outbox.c.created_at))).all())


async def queue(connection: Connection) -> list[Stored]:
    """The jobs that are in the queue."""
    return await stored(connection, "PROBE")


async def ids(connection: Connection) -> list[str]:
    """Their ids, sorted."""
    return sorted(one.headers["Job-Id"] for one in await queue(connection))


@pytest.fixture
def enqueued(offering: Database, publisher: Publisher) -> EnqueuedRows:
    """The relay of the service, by hand."""
    return EnqueuedRows("probe", offering, publisher)


@asynccontextmanager
async def relaying(enqueued: EnqueuedRows, notifications: Notifications) -> AsyncIterator[None]:
    """The relay runs inside."""
    task = asyncio.create_task(EnqueuedRelay(enqueued, notifications).run(Heartbeat()))
    try:
        yield
    finally:
        await cancelled(task)


async def test_a_row_becomes_the_job_that_a_publisher_would_have_made(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """Its id is also the broker's, so that a second publish of it is dropped; its own headers travel along."""
    (job_id,) = fresh()
    await enqueue(offering, job_id, headers={"Job-Id": job_id, "Job-Tenant": "acme"})
    assert await enqueued.publish_new(utc_now()) == Turn(1, 1)
    (job,) = await queue(connection)
    assert (job.subject, job.body) == (SUBJECT, BODY)
    assert job.headers == {"Job-Id": job_id, "Nats-Msg-Id": f"probe.run/{job_id}", "Job-Tenant": "acme"}
    assert await left(offering) == []


async def test_a_row_for_later_waits_with_the_broker(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """As a schedule; one whose time has passed is a job at once."""
    later, past = fresh(2)
    await enqueue(offering, later, not_before=datetime(2100, 1, 1, tzinfo=UTC))
    await enqueue(offering, past, not_before=datetime(2020, 1, 1, tzinfo=UTC))
    await enqueued.publish_new(utc_now())
    assert await ids(connection) == [past]
    (waiting,) = await stored(connection, "PROBE_LATER")
    assert waiting.subject == f"later.probe.run.{later}"
    assert waiting.headers["Nats-Schedule"] == "@at 2100-01-01T00:00:00.000000Z"
    assert await left(offering) == []


async def test_pages_follow_each_other_until_nothing_is_left(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """Each row is published once, the oldest first."""
    jobs = fresh(PAGE + 20)
    await enqueue(offering, *jobs)
    now = utc_now()
    assert [await enqueued.publish_new(now) for _ in range(3)] == [Turn(PAGE, PAGE), Turn(20, 20), Turn(0, 0)]
    assert await ids(connection) == sorted(jobs)


async def test_rows_with_one_id_are_one_job(offering: Database, enqueued: EnqueuedRows, connection: Connection) -> None:
    """On one page, and when the broker has it already."""
    (job_id,) = fresh()
    await enqueue(offering, job_id, job_id)
    await enqueued.publish_new(utc_now())
    await enqueue(offering, job_id, *(others := fresh(30)))
    await enqueued.publish_new(utc_now())
    assert await ids(connection) == sorted([job_id, *others])
    assert await left(offering) == []


async def test_a_row_that_was_published_and_not_forgotten_is_one_job(
    offering: Database, enqueued: EnqueuedRows, publisher: Publisher, connection: Connection
) -> None:
    """A relay that is killed between the two leaves it to the next."""
    (job_id,) = fresh()
    await publisher.publish_body("probe.run", BODY, job_id=job_id)
    await enqueue(offering, job_id)
    assert await enqueued.publish_new(utc_now()) == Turn(1, 1)
    assert await ids(connection) == [job_id]


async def test_a_row_that_cannot_be_published_is_passed_over(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """It gets its error, and is tried again when it is due; the others on its page are published once."""
    before, poison, behind = fresh(3)
    await enqueue(offering, before)
    await enqueue(offering, poison, body=TOO_LARGE)
    await enqueue(offering, behind)
    now = utc_now()
    assert await enqueued.publish_new(now) == Turn(3, 2)
    assert await ids(connection) == sorted([before, behind])
    (row,) = await left(offering)
    assert (row.tries, "needs an object store" in row.error) == (1, True)
    assert now <= row.retry_at <= now + timedelta(seconds=10)
    assert [await enqueued.publish_new(now), await enqueued.publish_again(row.retry_at - timedelta(seconds=1))] == [
        Turn(0, 0),
        Turn(0, 0),
    ]
    assert await enqueued.publish_again(row.retry_at) == Turn(1, 0)
    assert [row.tries for row in await left(offering)] == [2]


async def test_a_service_relays_what_is_for_itself(
    offering: Database, enqueued: EnqueuedRows, publisher: Publisher, connection: Connection
) -> None:
    """Neither another's rows, nor those of jobs; and the relay of those leaves it alone, however old it is."""
    await enqueue(offering, *fresh(), subject="jobs.other.run")
    row = {"id": "probe/probe.run/x/0", "consumer": "probe", "type": "probe.run", "parent_id": "x"}
    await enqueue(offering, "follow-up", **row)
    assert await enqueued.publish_new(utc_now()) == Turn(0, 0)
    await enqueue(offering, *(mine := fresh()))
    assert await Outbox("probe", offering, publisher).relay(utc_now() + timedelta(hours=1)) == 1
    assert await ids(connection) == ["follow-up"]
    assert await enqueued.publish_new(utc_now()) == Turn(1, 1)
    assert await ids(connection) == sorted(["follow-up", *mine])


async def test_a_full_queue_makes_rows_wait_without_any_fault_of_theirs(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """What fits is published; the others go when there is room, and what is for later at once."""
    await provision_broker(connection, probe_topology(StreamLimits(queue_bytes=1 << 20)))
    big = b'{"name":"' + b"x" * 100_000 + b'"}'
    try:
        await enqueue(offering, *(jobs := fresh(30)), body=big)
        with pytest.raises(QueueFullError):
            await enqueued.publish_new(utc_now())
        assert 0 < len(await queue(connection)) < 30
        assert {(row.tries, row.error) for row in await left(offering)} == {(0, None)}
        published = set(await ids(connection))
        while await left(offering):
            await manage(connection, "STREAM.PURGE.PROBE")
            try:
                await enqueued.publish_new(utc_now())
            except QueueFullError:
                published |= set(await ids(connection))
        published |= set(await ids(connection))
        assert published == set(jobs)
    finally:
        await provision_broker(connection, probe_topology())


async def test_a_broker_that_is_away_leaves_everything_as_it_is(offering: Database) -> None:
    """No row is blamed, and none is forgotten."""

    class Away(Publisher):
        async def store(self, _message: OutboundMessage) -> Any:
            raise Unavailable("broker", "away")

        async def store_all(self, _messages: Any) -> Any:
            raise Unavailable("broker", "away")

    await enqueue(offering, *fresh(3))
    with pytest.raises(Unavailable):
        await EnqueuedRows("probe", offering, Away(Connection())).publish_new(utc_now())
    assert [(row.tries, row.error) for row in await left(offering)] == [(0, None)] * 3


async def test_the_relay_of_jobs_rows_notes_why_one_stays(
    offering: Database, publisher: Publisher, connection: Connection
) -> None:
    """Such rows are passed over as well: not each twenty seconds again, and not without anybody knowing."""
    row = {"id": "probe/probe.run/y/0", "consumer": "probe", "type": "probe.run", "parent_id": "y", "body": TOO_LARGE}
    await enqueue(offering, *fresh(), **row)
    relay, later = Outbox("probe", offering, publisher), utc_now() + timedelta(hours=1)
    with pytest.raises(ExceptionGroup):
        await relay.relay(later)
    assert await relay.relay(later) == 0
    (noted,) = await left(offering)
    assert (noted.tries, "needs an object store" in noted.error) == (1, True)
    assert await queue(connection) == []


class Watched:
    """Notifications, and whether somebody waits for them who looks by himself no more."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications
        self.asleep = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._notifications, name)

    async def wait(self, seconds: float) -> bool:
        """Wait."""
        self.asleep = seconds == QUIET_SECONDS
        return await self._notifications.wait(seconds)


async def test_a_sleeping_relay_is_told(offering: Database, enqueued: EnqueuedRows, connection: Connection) -> None:
    """Long before it would look by itself: a job by SQL begins as soon as any other."""
    notifications = listen("probe", offering)
    assert isinstance(notifications, Listener if offering.dialect == "postgresql" else CommitCounter)
    watched: Any = Watched(notifications)
    async with relaying(enqueued, watched):
        await eventually(lambda: watched.asleep, what="the relay sleeps")
        began = time.monotonic()
        await enqueue(offering, *(jobs := fresh()))
        await eventually(lambda: _is(connection, jobs), what="it is published")
        assert time.monotonic() - began < 1.5, "nobody told the relay"


async def _is(connection: Connection, jobs: list[str]) -> bool:
    return await ids(connection) == sorted(jobs)


async def test_a_flood_is_relayed_whole_and_the_relay_sleeps_again(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """Rows that several writers commit while it is awake, and one that comes afterwards."""
    watched: Any = Watched(listen("probe", offering))
    async with relaying(enqueued, watched):
        batches = [fresh(40) for _ in range(20)]
        await asyncio.gather(*(enqueue(offering, *batch) for batch in batches))
        jobs = [job for batch in batches for job in batch]
        await eventually(lambda: _is(connection, jobs), what="all are published")
        await eventually(lambda: watched.asleep, what="the relay sleeps")
        await enqueue(offering, *(last := fresh()))
        await eventually(lambda: _is(connection, jobs + last), what="the last is published")
    assert await left(offering) == []


async def test_what_nobody_was_told_of_is_found(
    offering: Database, enqueued: EnqueuedRows, connection: Connection
) -> None:
    """By a relay that starts, and by one that polls."""
    await enqueue(offering, *(first := fresh()))
    async with relaying(enqueued, Polling()):
        await eventually(lambda: _is(connection, first), what="the first is published")
        await enqueue(offering, *(second := fresh()))
        await eventually(lambda: _is(connection, first + second), what="the second is published")


# PostgreSQL's own.


@pytest.fixture(scope="module")
async def rung(postgres_url: str) -> AsyncIterator[Database]:
    """A PostgreSQL database in which probes may be enqueued."""
    await migrate(postgres_url)
    await let_producers(postgres_url, ["probe.run"], notify=True)
    database = open_database(postgres_url)
    yield database
    await database.close()


@asynccontextmanager
async def heard(database: Database) -> AsyncIterator[Callable[[], Any]]:
    """A function that returns what was notified since it was called last."""
    listening = await asyncpg.connect(database.url.replace("+asyncpg", ""))
    notes: list[object] = []
    await listening.add_listener("nightshift_outbox", lambda *note: notes.append(note[-1]))

    async def since() -> list[object]:
        await listening.execute("SELECT 1")  # what was sent before is here
        found, notes[:] = list(notes), []
        return found

    try:
        yield since
    finally:
        await listening.close()


async def test_only_a_sleeping_relay_is_rung_for(rung: Database) -> None:
    """NOTIFY lets the commits of a whole server wait for each other: an awake relay finds the rows by itself."""
    relay = listen("probe", rung)
    try:
        async with heard(rung) as since:
            await relay.wait(0.01)
            await enqueue(rung, *fresh(10))
            assert await since() == ["probe"], "once for a transaction"
            await relay.hush()
            await enqueue(rung, *fresh())
            assert await since() == []
            await relay.ring_again()
            await enqueue(rung, *fresh())
            assert await since() == ["probe"]
    finally:
        await relay.close()


async def test_a_relay_that_died_awake_is_rung_for(rung: Database) -> None:
    """Its lock went with its connection."""
    relay = listen("probe", rung)
    await relay.wait(0.01)
    await relay.hush()
    await relay.close()
    async with heard(rung) as since:

        async def rings_again() -> bool:
            await enqueue(rung, *fresh())
            return bool(await since())

        await eventually(rings_again, what="somebody rings")


async def test_rows_of_jobs_ring_for_nobody(rung: Database) -> None:
    """Their workers publish them, at once."""
    async with heard(rung) as since:
        for consumer in ("probe", "gateway"):
            await enqueue(rung, *fresh(), consumer=consumer, id=f"{consumer}/{uuid4().hex}/0")
        assert await since() == []


async def test_replicas_take_different_rows(rung: Database, publisher: Publisher, connection: Connection) -> None:
    """What one has in hand the others do not see; when it dies, the next one has it."""
    publishing, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Publisher):
        async def store_all(self, messages: Any) -> Any:
            publishing.set()
            await go_on.wait()
            return await super().store_all(messages)

    async with rung.write() as emptied:
        await emptied.execute(delete(outbox))
    await enqueue(rung, *(jobs := fresh(3)))
    first = asyncio.create_task(EnqueuedRows("probe", rung, Slow(connection)).publish_new(utc_now()))
    await publishing.wait()
    second = EnqueuedRows("probe", rung, publisher)
    assert await second.publish_new(utc_now()) == Turn(0, 0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await second.publish_new(utc_now()) == Turn(3, 3)
    assert await ids(connection) == sorted(jobs)


async def test_no_lock_of_a_producers_holds_up_the_relay(
    rung: Database, publisher: Publisher, connection: Connection
) -> None:
    """Any user of a database may take any advisory lock: then nobody is told, and the relay looks by itself."""
    async with rung.write() as emptied:
        await emptied.execute(delete(outbox))
    held = await asyncpg.connect(rung.url.replace("+asyncpg", ""))
    for number in (AWAKE_LOCK, AWAKE_LOCK + 1):
        await held.execute(f"SELECT pg_advisory_lock({number}, hashtext('probe'))")
    try:
        async with relaying(EnqueuedRows("probe", rung, publisher), listen("probe", rung)):
            await enqueue(rung, *(jobs := fresh(20)))
            await eventually(lambda: _is(connection, jobs), what="they are published")
    finally:
        await held.close()


async def test_a_connection_that_breaks_is_made_anew(
    rung: Database, publisher: Publisher, connection: Connection
) -> None:
    """The server ends it: the relay listens again, and has missed nothing."""
    async with rung.write() as emptied:
        await emptied.execute(delete(outbox))
    async with relaying(EnqueuedRows("probe", rung, publisher), listen("probe", rung)):
        await enqueue(rung, *(jobs := fresh()))
        await eventually(lambda: _is(connection, jobs), what="it listens")
        admin = await asyncpg.connect(rung.url.replace("+asyncpg", ""))
        ended = await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert ended
        await admin.close()
        jobs += fresh()
        await enqueue(rung, jobs[-1])
        await eventually(lambda: _is(connection, jobs), what="it listens again")


async def test_behind_a_pooler_the_relay_looks_unless_it_can_listen_beside_it(
    rung: Database, publisher: Publisher, connection: Connection
) -> None:
    """In transaction mode nobody can listen; the address of the server itself is a setting."""
    async with rung.write() as emptied:
        await emptied.execute(delete(outbox))
    async with transaction_pooler(rung.url, size=2) as pooler:
        lent = open_database(f"{pooler}?pgbouncer=true")
        try:
            assert isinstance(listen("probe", lent), Polling)
            assert isinstance(listen("probe", lent, url=rung.url), Listener)
            assert isinstance(listen("probe", rung, notify=False), Polling)
            async with relaying(EnqueuedRows("probe", lent, publisher), listen("probe", lent)):
                await enqueue(lent, *(jobs := fresh(20)))
                await eventually(lambda: _is(connection, jobs), what="they are published through the pooler")
        finally:
            await lent.close()


async def test_ringing_can_be_switched_off(rung: Database) -> None:
    """And on: each is told once."""
    off = await let_producers(rung.url, ["probe.run"], notify=False)
    async with rung.read() as connection:
        assert not await connection.run_sync(rings)
    async with heard(rung) as since:
        await enqueue(rung, *fresh())
        assert await since() == []
    again = await let_producers(rung.url, ["probe.run"], notify=True)
    async with rung.read() as connection:
        assert await connection.run_sync(rings)
    assert (off, again) == (
        ["the outbox no longer rings its relays by NOTIFY"],
        ["the outbox rings its relays by NOTIFY"],
    )


async def test_a_page_is_found_by_its_index(rung: Database) -> None:
    """However many rows of jobs, or of other services, are in the table."""
    async with rung.read() as connection:
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = await connection.exec_driver_sql(
            "EXPLAIN (FORMAT JSON) SELECT id FROM nightshift.outbox WHERE service = 'probe' AND retry_at IS NULL"
            " ORDER BY retry_at, created_at LIMIT 500"
        )
        text = json.dumps(plan.scalar())
    assert "ix_outbox_service_retry_at_created_at" in text
    assert "Sort" not in text

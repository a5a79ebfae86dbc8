"""The reference for exactly-once effects: a loop written by hand, nats-py's fetch and one transaction for each 100."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import nats
import uvloop
from nats.aio.msg import Msg

from bench.peers.counting import JOBS, NATS_URL, QUEUE, payload, tick
from bench.plain_effects import commit
from nightshift.database import migrate

DATABASE_URL = os.environ.get("BENCH_DATABASE_URL", "")
BATCH = 100
_INBOX = (
    "INSERT INTO nightshift.processed_messages (consumer, type, id, processed_at)"
    " SELECT 'bench', 'bench.run', id, $2 FROM unnest($1::text[]) AS id ON CONFLICT DO NOTHING"
)
_EFFECT = (
    "INSERT INTO activity_logs (id, action, details, created_at)"
    " SELECT id, 'bench', '{}', $2 FROM unnest($1::text[]) AS id"
)

Commit = Callable[[list[Msg]], Awaitable[None]]


async def preload() -> None:
    """Publishes the jobs."""
    client = await nats.connect(NATS_URL)
    stream = client.jetstream()
    await stream.add_stream(name=QUEUE, subjects=[f"{QUEUE}.>"], retention="workqueue")
    await stream.add_consumer(QUEUE, durable_name="bench", ack_policy="explicit", max_ack_pending=200_000)
    for begin in range(0, JOBS, 100):
        numbers = range(begin, min(begin + 100, JOBS))
        await asyncio.gather(*(stream.publish(f"{QUEUE}.jobs", payload().encode(), headers=_id(n)) for n in numbers))
    await client.close()


def _id(number: int) -> dict[str, str]:
    return {"Job-Id": f"{number:011x}{os.urandom(10).hex()}"}


async def to_postgres() -> Commit:
    """Both rows of all messages in one transaction of two statements."""
    database = await asyncpg.connect(DATABASE_URL)

    async def store(messages: list[Msg]) -> None:
        ids, now = [(message.headers or {})["Job-Id"] for message in messages], datetime.now(UTC)
        async with database.transaction():
            await database.execute(_INBOX, ids, now)
            await database.execute(_EFFECT, ids, now)

    return store


async def to_sqlite() -> Commit:
    """The same in a thread."""
    database = sqlite3.connect(DATABASE_URL.partition("///")[2], isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA synchronous = FULL")

    async def store(messages: list[Msg]) -> None:
        await asyncio.to_thread(commit, database, messages)

    return store


async def work() -> None:
    """Fetches, commits, acknowledges."""
    await migrate(DATABASE_URL)
    store = await (to_postgres() if "postgres" in sys.argv else to_sqlite())
    client = await nats.connect(NATS_URL)
    subscription = await client.jetstream().pull_subscribe_bind("bench", QUEUE)
    for _ in range(0, JOBS, BATCH):
        messages = await subscription.fetch(BATCH, timeout=10)
        await store(messages)
        for message in messages:
            await message.ack()
            tick(message.data.decode())
    await client.close()


def main() -> None:
    """Publishes, or works."""
    uvloop.run(preload() if "preload" in sys.argv else work())


if __name__ == "__main__":
    main()

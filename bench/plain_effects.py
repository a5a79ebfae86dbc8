"""The reference for exactly-once effects: a hand-written loop, one transaction for each fetched batch of 100."""

import asyncio
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import nats
from nats.aio.msg import Msg

BATCH = 100
_INBOX = (
    "INSERT OR IGNORE INTO processed_messages (consumer, type, id, processed_at) VALUES ('bench', 'bench.run', ?, ?)"
)
_EFFECT = "INSERT INTO activity_logs (id, action, details, created_at) VALUES (?, 'bench', '{}', ?)"


def commit(database: sqlite3.Connection, messages: list[Msg]) -> None:
    """Inbox rows and effects of a batch, in one transaction."""
    now = datetime.now(UTC).isoformat()
    rows = [((message.headers or {})["Job-Id"], now) for message in messages]
    database.execute("BEGIN IMMEDIATE")
    database.executemany(_INBOX, rows)
    database.executemany(_EFFECT, rows)
    database.execute("COMMIT")


async def drain(url: str, file: Path, stream: str, consumer: str, jobs: int) -> float:
    """Works off `jobs` messages; returns the seconds from the first fetch to the last acknowledgement sent."""
    client = await nats.connect(url)
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA synchronous = FULL")
    subscription = await client.jetstream().pull_subscribe_bind(consumer, stream)
    started, done = time.perf_counter(), 0
    while done < jobs:
        messages = await subscription.fetch(BATCH, timeout=10)
        await asyncio.to_thread(commit, database, messages)
        for message in messages:
            await message.ack()
        done += len(messages)
    await client.flush()
    seconds = time.perf_counter() - started
    await client.close()
    database.close()
    return seconds

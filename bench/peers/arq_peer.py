"""arq on Redis."""

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from bench.peers.counting import QUEUE, REDIS_PORT, publish_async, tick

REDIS = RedisSettings(host="127.0.0.1", port=REDIS_PORT, database=2)


async def job(_context: Any, text: str) -> None:
    """Counts."""
    tick(text)


class WorkerSettings:
    """What `arq` loads."""

    functions = (job,)
    redis_settings = REDIS
    queue_name = QUEUE
    max_jobs = 100
    poll_delay = 0.01
    keep_result = 0


async def preload() -> None:
    """Publishes the jobs."""
    pool = await create_pool(REDIS, default_queue_name=QUEUE)
    await publish_async(lambda text: pool.enqueue_job("job", text))


def main() -> None:
    """Publishes."""
    asyncio.run(preload())

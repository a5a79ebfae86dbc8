"""SAQ on Redis."""

import asyncio
from typing import Any

from saq import Queue

from bench.peers.counting import QUEUE, REDIS_PORT, publish_async, tick

queue = Queue.from_url(f"redis://127.0.0.1:{REDIS_PORT}/3", name=QUEUE)


async def job(_context: Any, *, text: str) -> None:
    """Counts."""
    tick(text)


settings = {"queue": queue, "functions": [job], "concurrency": 100}


async def preload() -> None:
    """Publishes the jobs."""
    await queue.connect()
    await publish_async(lambda text: queue.enqueue("job", text=text, ttl=-1), together=20)
    await queue.disconnect()


def main() -> None:
    """Publishes."""
    asyncio.run(preload())

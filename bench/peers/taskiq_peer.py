"""taskiq-nats, pull based."""

import asyncio

from taskiq_nats import PullBasedJetStreamBroker

from bench.peers.counting import NATS_URL, PACED, QUEUE, publish_async, tick

broker = PullBasedJetStreamBroker(
    servers=[NATS_URL], subject=QUEUE, stream_name=QUEUE, durable=QUEUE, pull_consume_batch=1 if PACED else 100
)


@broker.task
async def job(text: str) -> None:
    """Counts."""
    tick(text)


async def preload() -> None:
    """Publishes the jobs."""
    await broker.startup()
    await publish_async(job.kiq)
    await broker.shutdown()


def main() -> None:
    """Publishes."""
    asyncio.run(preload())

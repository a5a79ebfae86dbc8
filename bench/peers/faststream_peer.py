"""FastStream over JetStream, one message at a time."""

import asyncio

from faststream import FastStream
from faststream.nats import JStream, NatsBroker, PullSub

from bench.peers.counting import NATS_URL, QUEUE, publish_async, tick

broker = NatsBroker(NATS_URL, logger=None)
app = FastStream(broker, logger=None)
stream = JStream(QUEUE, subjects=[f"{QUEUE}.>"])


@broker.subscriber(f"{QUEUE}.jobs", stream=stream, durable="bench", pull_sub=PullSub(batch_size=100), max_workers=100)
async def job(text: str) -> None:
    """Counts."""
    tick(text)


async def preload() -> None:
    """Publishes the jobs."""
    async with broker:
        await broker.start()
        await broker.stop()
    async with NatsBroker(NATS_URL, logger=None) as sender:
        await publish_async(lambda text: sender.publish(text, f"{QUEUE}.jobs", stream=QUEUE))


def main() -> None:
    """Publishes."""
    asyncio.run(preload())

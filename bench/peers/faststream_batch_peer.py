"""FastStream over JetStream, its handler taking batches."""

import asyncio

import nats
from faststream import FastStream
from faststream.nats import JStream, NatsBroker, PullSub

from bench.peers.counting import NATS_URL, QUEUE, publish_async, tick

broker = NatsBroker(NATS_URL, logger=None)
app = FastStream(broker, logger=None)
stream = JStream(QUEUE, subjects=[f"{QUEUE}.>"])


@broker.subscriber(
    f"{QUEUE}.jobs", stream=stream, durable="bench", pull_sub=PullSub(batch_size=500, batch=True, timeout=0.05)
)
async def jobs(texts: list[str]) -> None:
    """Counts."""
    for text in texts:
        tick(text)


async def preload() -> None:
    """Publishes the jobs."""
    client = await nats.connect(NATS_URL)
    jetstream = client.jetstream()
    await jetstream.add_stream(name=QUEUE, subjects=[f"{QUEUE}.>"])
    await publish_async(lambda text: jetstream.publish(f"{QUEUE}.jobs", text.encode()))
    await client.close()


def main() -> None:
    """Publishes."""
    asyncio.run(preload())

"""The reference: a continuous pull on the plain client, which counts and acknowledges.

On a work queue, whose messages the broker removes one by one, or on a stream that keeps them (`kept`).
"""

import asyncio
import contextlib
import json
import sys

import nats
from nats.aio.msg import Msg

from bench.peers.counting import NATS_URL, QUEUE, publish_async, tick

BATCH = 500

with contextlib.suppress(ImportError):
    import uvloop

    uvloop.install()


async def preload() -> None:
    """Publishes the jobs."""
    client = await nats.connect(NATS_URL)
    stream = client.jetstream()
    retention = "limits" if "kept" in sys.argv else "workqueue"
    await stream.add_stream(name=QUEUE, subjects=[f"{QUEUE}.>"], retention=retention)
    await stream.add_consumer(QUEUE, durable_name="bench", ack_policy="explicit", max_ack_pending=200_000)
    await publish_async(lambda text: stream.publish(f"{QUEUE}.jobs", text.encode()))
    await client.close()


async def work() -> None:
    """Pulls for ever."""
    client = await nats.connect(NATS_URL)
    inbox, outstanding = client.new_inbox(), 0

    async def ask() -> None:
        nonlocal outstanding
        count = BATCH - outstanding
        outstanding += count
        request = {"batch": count, "expires": 600_000_000_000}
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{QUEUE}.bench", json.dumps(request).encode(), reply=inbox)

    async def take(message: Msg) -> None:
        nonlocal outstanding
        if not message.reply.startswith("$JS.ACK."):
            return
        outstanding -= 1
        tick(message.data.decode())
        await client.publish(message.reply)
        if outstanding <= BATCH // 2:
            await ask()

    await client.subscribe(inbox, cb=take)
    await ask()
    await asyncio.Event().wait()


def main() -> None:
    """Publishes, or pulls."""
    asyncio.run(preload() if "preload" in sys.argv else work())


if __name__ == "__main__":
    main()

"""The reference: a continuous pull on the plain client that only acknowledges, the most that nats-py can do."""

import asyncio
import time

import msgspec
import nats
from nats.aio.msg import Msg

BATCH = 500


async def drain(url: str, stream: str, consumer: str, jobs: int) -> float:
    """Pulls and acknowledges `jobs` messages; returns the seconds from the first to the last."""
    client = await nats.connect(url)
    inbox, done = client.new_inbox(), asyncio.Event()
    outstanding = received = 0
    started = ended = 0.0

    async def ask() -> None:
        nonlocal outstanding
        count = BATCH - outstanding
        outstanding += count
        request = msgspec.json.encode({"batch": count, "expires": 30_000_000_000, "idle_heartbeat": 5_000_000_000})
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", request, reply=inbox)

    async def take(message: Msg) -> None:
        nonlocal outstanding, received, started, ended
        if not message.reply.startswith("$JS.ACK."):
            return
        started = started or time.perf_counter()
        received, outstanding = received + 1, outstanding - 1
        await client.publish(message.reply)
        if outstanding <= BATCH // 2:
            await ask()
        if received == jobs:
            ended = time.perf_counter()
            done.set()

    await client.subscribe(inbox, cb=take)
    await ask()
    await asyncio.wait_for(done.wait(), 120)
    await client.flush()
    await client.close()
    return ended - started

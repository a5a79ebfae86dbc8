"""After the last fault: waits until all is quiet, and reads what became of everything."""

import asyncio
import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from sqlalchemy import func, select

from nightshift.broker import BrokerRefusedError
from nightshift.broker.direct_get import read_each
from nightshift.broker.jetstream import manage
from nightshift.broker.message import OutboundMessage, StoredMessage
from nightshift.contract import wire
from nightshift.database.tables import outbox, processed_messages
from nightshift.embedded.servers.mailbox import messages
from nightshift.messaging.outbound import strip_broker_headers
from nightshift.outcomes import Unavailable
from tests.chaos.events import dropped_after_alarm
from tests.chaos.inner_faults import BREACHES
from tests.chaos.ledger import Facts, Work
from tests.chaos.mails import Received, received
from tests.chaos.tables import effects
from tests.chaos.world import World

_UNGUESSABLE = re.compile(r"/[0-9a-f]{16}$")
"""The end of a follow-up's id, which the ledger cannot know; one row of the outbox has one."""
_WORKER_ERROR = "an error of the worker"
"""What a worker logs when a delivery ended with an exception of our own code; the broker delivers it again."""
_QUEUES = ("CHAOS", "CHAOS_LATER", "EMAIL", "EMAIL_LATER")
_CONSUMERS = (("CHAOS", "chaos"), ("CHAOS_LATER", "chaos"), ("CRON", "chaos"), ("EMAIL", "email"))


async def quiet(world: World, *, stuck_seconds: float) -> dict[str, int]:
    """Waits until nothing is left anywhere; returns what is left all the same when it did not get less for so long."""
    least, deadline, calm = sys.maxsize, time.monotonic() + stuck_seconds, 0
    while True:
        found = await asked(lambda: left(world))
        count = sum(found.values())
        if count < least:  # a long run on a busy machine leaves much to be done: it must go on getting less
            least, deadline = count, time.monotonic() + stuck_seconds
        calm = 0 if count else calm + 1
        if calm == 3 or time.monotonic() > deadline:  # three times, so that nothing is between two places
            return found
        await asyncio.sleep(0.4)


async def left(world: World) -> dict[str, int]:
    """How much waits, or is in hand, where."""
    found: dict[str, int] = {}
    for stream in _QUEUES:
        info = await manage(world.connection, f"STREAM.INFO.{stream}")
        found[stream] = int(info["state"]["messages"])
    for stream, consumer in _CONSUMERS:
        info = await manage(world.connection, f"CONSUMER.INFO.{stream}.{consumer}")
        found[f"consumer {consumer} of {stream}"] = int(info["num_pending"]) + int(info["num_ack_pending"])
    async with world.database.read() as connection:
        found["outbox"] = int((await connection.execute(select(func.count()).select_from(outbox))).scalar_one())
    return found


async def facts(world: World) -> Facts:
    """Everything that became of the jobs of `chaos`."""
    async with world.database.read() as connection:
        rows = await connection.execute(select(effects.c.type, effects.c.job_id))
        happened = Counter[Work]((row[0], _UNGUESSABLE.sub("", row[1])) for row in rows)
        inbox = await connection.execute(select(processed_messages.c.type, processed_messages.c.id))
        done = frozenset((row[0], row[1]) for row in inbox)
    dead: dict[Work, list[str]] = {}
    async for letter in dead_letters(world, "CHAOS_DLQ"):
        work = (letter.subject.removeprefix("dead."), _UNGUESSABLE.sub("", letter.headers.get(wire.JOB_ID, "")))
        dead.setdefault(work, []).append(letter.headers.get(wire.DEAD_REASON, ""))
    dropped = dropped_after_alarm(world.events.announced, world.events.behind)
    return Facts(happened, dead, done, world.events.counts, dropped=dropped)


def dead_letters(world: World, stream: str) -> AsyncIterator[StoredMessage]:
    """Every dead letter of a stream."""
    return read_each(world.connection, stream, "dead.>")


async def dead_mails(world: World) -> set[str]:
    """The ids of the mails that were given up on."""
    return {letter.headers.get(wire.JOB_ID, "") async for letter in dead_letters(world, "EMAIL_DLQ")}


def arrived(world: World) -> list[Received]:
    """The mails that the catcher has."""
    return received(messages(world.stack.mail.mailbox))


async def redrive(world: World, works: list[Work]) -> int:
    """Sends the dead letters of these jobs once more, as an operator would; returns how many there were."""
    wanted, count = set(works), 0
    async for letter in dead_letters(world, "CHAOS_DLQ"):
        job_type, job_id = letter.subject.removeprefix("dead."), letter.headers.get(wire.JOB_ID, "")
        if (job_type, job_id) in wanted:
            kept = {name: value for name, value in strip_broker_headers(letter.headers).items() if _stays(name)}
            again = {**kept, wire.JOB_ID: job_id, wire.MSG_ID: f"redrive/{job_type}/{job_id}"}
            await world.publisher.store(OutboundMessage(wire.job_subject(job_type), again, letter.body))
            count += 1
    return count


def breaches_seen(world: World) -> list[str]:
    """What the workers saw themselves break, and errors of theirs that were no job's."""
    file = world.stack.folder / BREACHES
    seen = sorted(set(file.read_text().splitlines())) if file.exists() else []
    logs = world.stack.logs.glob("worker-*")
    errors = sum(log.read_text(errors="replace").count(_WORKER_ERROR) for log in logs)
    return [*seen, *([f"{errors} deliveries ended with an error of the worker itself"] if errors else [])]


def _stays(name: str) -> bool:
    return not name.startswith(wire.DEAD_PREFIX) and name != wire.ATTEMPT_BASE


async def asked(question: Callable[[], Awaitable[dict[str, int]]]) -> dict[str, int]:
    """Asks until there is an answer: a server may still be coming back."""
    while True:
        with contextlib.suppress(Unavailable, BrokerRefusedError):
            return await question()
        await asyncio.sleep(0.5)

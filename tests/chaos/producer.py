"""A producer as a process: sends jobs of all kinds in all ways, steadily, and keeps a journal of the answers."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from nightshift.broker import BrokerRefusedError, connect
from nightshift.broker.jetstream import store
from nightshift.config.settings import Settings, load
from nightshift.contract.message import Message
from nightshift.messaging.outbound import encode
from nightshift.messaging.publisher import Entry, Publisher
from nightshift.observability.log import configure
from nightshift.outcomes import Unavailable
from nightshift.runtime.object_stores import object_store
from tests.chaos.journal import Journal
from tests.chaos.mails import MailSender
from tests.chaos.messages import Kind, RunChaos, offer

_SHARES: dict[str, int] = {
    "plain": 36,
    "parent": 14,
    "broad": 2,
    "group": 2,
    "flaky": 9,
    "slow": 8,
    "snooze": 5,
    "skip": 3,
    "hopeless": 2,
    "permanent": 3,
    "broken": 2,
    "wide": 4,
    "later": 8,
    "batch": 2,
    "mail": 6,
}
"""What is sent how often; `later`, `batch`, `group` and `broken` are ways of sending."""
_GROUP: tuple[Kind, ...] = ("decider", "decider", "plain", "spoiler", "decider", "spoiler")
"""Sent together, they are likely to be committed together, which fails the first time."""
_TRIES = 40


class Producer:
    """Sends under ids of its own run, so that no two runs meet."""

    def __init__(
        self, publisher: Publisher, journal: Journal, mails: MailSender, dice: random.Random, run: str
    ) -> None:
        self._publisher, self._journal, self._mails = publisher, journal, mails
        self._dice, self._run, self._count = dice, run, 0

    async def send_one(self) -> None:
        """Sends what the dice say; returns when it is answered, which during an outage takes until its end."""
        (choice,) = self._dice.choices(list(_SHARES), list(_SHARES.values()))
        self._count += 1
        job_id = f"{choice}-{self._run}-{self._count}"
        if choice == "mail":
            await self._mails.send(job_id, self._dice)
        elif choice == "batch":
            await self._batch(job_id, ["plain"] * 5)
        elif choice == "group":
            await self._batch(job_id, _GROUP)
        elif choice == "broken":
            self._journal.about_to_send(job_id, "broken")
            await self._until_answered(job_id, b'{"kind": 7}', None)
        else:
            await self._single(job_id, "plain" if choice == "later" else choice, later=choice == "later")

    async def _single(self, job_id: str, kind: str, *, later: bool) -> None:
        message = _message(kind, self._dice)
        self._journal.about_to_send(job_id, kind, message.follow_ups)
        delay = timedelta(seconds=self._dice.uniform(0, 6)) if later else None
        again, lets_pass = self._dice.random() < 0.12, self._dice.random() < 0.5
        if await self._until_answered(job_id, message, delay) and again and not later:
            await asyncio.sleep(self._dice.uniform(0, 3))
            await self._once_more(job_id, message, past_window=lets_pass)

    async def _batch(self, job_id: str, kinds: Sequence[Kind]) -> None:
        ids = [f"{job_id}-{number}" for number in range(len(kinds))]
        messages = [_message(kind, self._dice) for kind in kinds]
        entries = [Entry(message, one) for message, one in zip(messages, ids, strict=True)]
        for one, message in zip(ids, messages, strict=True):
            self._journal.about_to_send(one, message.kind, message.follow_ups)
        try:
            await self._publisher.publish_many(entries)
        except (BrokerRefusedError, Unavailable):  # stored or not: then each by itself, under the same id
            for one, entry in zip(ids, entries, strict=True):
                await self._until_answered(one, entry.message, None)
        else:
            for one in ids:
                self._journal.accepted(one)

    async def _until_answered(self, job_id: str, message: Message | bytes, delay: timedelta | None) -> bool:
        lost = False
        for _ in range(_TRIES):
            try:
                await self._try(job_id, message, delay)
            except Unavailable:
                lost = True
            except BrokerRefusedError:
                await asyncio.sleep(0.5)
            else:
                self._journal.accepted(job_id)
                return True
        if not lost:
            self._journal.refused(job_id)
        return False

    async def _try(self, job_id: str, message: Message | bytes, delay: timedelta | None) -> None:
        if isinstance(message, bytes):
            await self._publisher.publish_body(RunChaos.TYPE, message, job_id=job_id)
        elif delay is not None:
            await self._publisher.publish_later(message, delay=delay, job_id=job_id)
        else:
            await self._publisher.publish(message, job_id=job_id)

    async def _once_more(self, job_id: str, message: RunChaos, *, past_window: bool) -> None:
        """A duplicate: dropped by the broker's window, or by the inbox when its message id is another."""
        try:
            if past_window and message.kind != "wide":
                headers = {"Job-Id": job_id, "Nats-Msg-Id": f"again-{job_id}"}
                await store(self._publisher._connection, RunChaos.SUBJECT, headers, encode(message))
            else:
                await self._publisher.publish(message, job_id=job_id)
        except (BrokerRefusedError, Unavailable):
            pass


def _message(kind: str, dice: random.Random) -> RunChaos:
    known: Kind = kind  # type: ignore[assignment]  # drawn from the names above
    follow_ups = dice.randint(1, 4) if kind in {"parent", "decider"} else int(kind == "broad")
    return RunChaos(kind=known, follow_ups=follow_ups, padding="x" * 200_000 if kind == "wide" else "")


async def _send(settings: Settings, *, per_second: float, seed: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    folder, run, dice = Path(os.environ["CHAOS_FOLDER"]), f"p{os.getpid()}", random.Random(seed)  # noqa: S311
    connection, objects = await connect(settings, name="producer"), object_store(settings)
    journal = Journal(folder / f"sent-{run}.jsonl")
    publisher = Publisher(connection, objects)
    mails = MailSender(publisher, folder / f"mails-{run}.jsonl")
    producer = Producer(publisher, journal, mails, dice, run)
    sending: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        if len(sending) < 200:
            task = asyncio.create_task(producer.send_one())
            sending.add(task)
            task.add_done_callback(sending.discard)
        try:
            async with asyncio.timeout(dice.expovariate(per_second)):
                await stop.wait()
        except TimeoutError:
            pass
    await asyncio.gather(*sending)
    journal.close()
    mails.close()
    await connection.close()
    await objects.close()


def main() -> int:
    """Sends until SIGTERM, then waits for the answers that are still to come."""
    offer()
    settings = load(Settings, os.environ)
    configure("producer", "text", "info")
    asyncio.run(_send(settings, per_second=float(os.environ["CHAOS_PER_SECOND"]), seed=os.environ["CHAOS_SEED"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

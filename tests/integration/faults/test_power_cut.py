"""The power is cut: what the broker accepted is on its disk, or done.

A cut is a copy of the bytes of the broker's own disk while it stands still; a new broker starts on the copy. A run
whose broker syncs every two minutes has to lose, or the method would not see a loss.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nightshift.broker import QueueFullError
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from tests.harness import (
    Harness,
    RunProbe,
    cancelled,
    connected,
    eventually,
    probe_topology,
    set_ack_wait,
    with_housekeeping,
    working,
)
from tests.integration.worker.probes import record
from tests.servers import absent

CUTS = int(os.environ.get("POWER_CUTS", "2"))
_MEGABYTES = 192
_HOLDER = "holder"


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], capture_output=True, check=True)  # noqa: S603 - our own


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """A disk image, mounted by a loop device; `absent` where nobody may."""
    folder.mkdir()
    try:
        _run("mount", "-o", "loop", image, folder)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        absent(f"no file system can be mounted by a loop device: {error}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", folder)


def _new_image(image: Path) -> None:
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        absent("only root can cut the power of a loop device, and with mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(_MEGABYTES << 20)
    _run("mkfs.ext4", "-q", "-F", image)


@dataclass
class Ledger:
    """The names of the jobs that the broker said it has, and what the one that holds the floor waits for."""

    accepted: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, message: RunProbe, job: Job) -> None:
        """Record the job's name; the holder takes its time."""
        if message.name.startswith(_HOLDER):
            await self.released.wait()
        await record(message, job)

    async def publish(self, broker: Broker) -> None:
        """Publish as fast as the broker takes it, until cancelled."""
        number = 0
        async with connected(broker, "producer") as connection:
            publisher = Publisher(connection)
            while True:
                names = [f"n{number + offset}" for offset in range(100)]
                number += len(names)
                if number % 1_000 == 0:
                    names[0] = f"{_HOLDER}{number}"
                with contextlib.suppress(Unavailable, QueueFullError):
                    await publisher.publish_many([RunProbe(name=name) for name in names])
                    self.accepted += names


@dataclass
class Cut:
    """What is left at one instant: the bytes of the disk, the database, and what was accepted by then."""

    image: Path
    database: Path
    accepted: frozenset[str]
    bulk: bool

    async def lost(self) -> frozenset[str]:
        """Go on with what is left until nothing is left to do; return the accepted jobs that have no effect then."""
        folder = self.image.parent
        with mounted(self.image, folder / "disk") as disk:
            broker = Broker(disk / "broker")
            (disk / "broker" / "ports.json").unlink(missing_ok=True)
            await broker.start()
            try:
                return await self._work_off(broker, folder)
            finally:
                await broker.kill()

    async def _work_off(self, broker: Broker, folder: Path) -> frozenset[str]:
        ledger = Ledger()
        ledger.released.set()
        async with connected(broker) as operator:  # where the disk holds no stream any more
            await provision_broker(operator, probe_topology(bulk=self.bulk))
        async with (
            working(broker, None, folder, {RunProbe: ledger.handle}, fresh=False, slots=200) as harness,
            with_housekeeping(harness),
        ):
            await harness.publisher.publish_many([RunProbe(name=f"after{number}") for number in range(300)])
            await eventually(harness.is_empty, what="what is left is worked off", timeout_seconds=60)
            effects = await harness.effects()
        assert len(effects) == len(set(effects)), "an effect came twice"
        new = {f"after{number}" for number in range(300)}
        return (self.accepted | new) - set(effects)


@dataclass
class Site:
    """A broker on a disk of its own, with a worker and a producer at work."""

    image: Path
    folder: Path
    broker: Broker
    harness: Harness
    ledger: Ledger
    publishing: asyncio.Task[None]
    bulk: bool

    def cut(self, number: int) -> Cut:
        """Cut the power: nothing but what is on the disk, and in the database, is left."""
        folder = self.folder / f"cut{number}"
        folder.mkdir()
        self.broker.pause()
        try:
            shutil.copyfile(self.image, folder / "disk.img")
            accepted = frozenset(self.ledger.accepted)
            with (
                contextlib.closing(sqlite3.connect(self.folder / "nightshift.db")) as present,
                contextlib.closing(sqlite3.connect(folder / "nightshift.db")) as copy,
            ):
                present.backup(copy)
        finally:
            self.broker.resume()
        return Cut(folder / "disk.img", folder / "nightshift.db", accepted, self.bulk)


@asynccontextmanager
async def at_work(folder: Path, *, bulk: bool, extra: str = "") -> AsyncIterator[Site]:
    """Publish and work off at full speed."""
    image, ledger = folder / "disk.img", Ledger()
    _new_image(image)
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(mounted(image, folder / "disk"))
        broker = Broker(disk / "broker", extra=extra.format(store=disk / "broker" / "jetstream"))
        await broker.start()
        stack.push_async_callback(broker.kill)
        harness = await stack.enter_async_context(
            working(broker, None, folder, {RunProbe: ledger.handle}, bulk=bulk, slots=200)
        )
        await set_ack_wait(harness.connection, 2)
        await stack.enter_async_context(with_housekeeping(harness))
        publishing = asyncio.create_task(ledger.publish(broker))
        stack.push_async_callback(cancelled, publishing)
        stack.callback(ledger.released.set)
        yield Site(image, folder, broker, harness, ledger, publishing, bulk)


async def _losses(folder: Path, *, bulk: bool, extra: str = "", cuts: int = CUTS) -> list[frozenset[str]]:
    """Cut the power some times amid the load; return what each cut loses."""
    taken = list[Cut]()

    def accepted(goal: int) -> bool:
        return len(site.ledger.accepted) >= goal

    async with at_work(folder, bulk=bulk, extra=extra) as site:
        for number in range(cuts):
            await eventually(
                partial(accepted, len(site.ledger.accepted) + 2_000), what="the load goes on", timeout_seconds=60
            )
            taken.append(site.cut(number))
            if number % 2:
                site.ledger.released.set()
    return [await cut.lost() for cut in taken]


async def test_a_power_cut_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """It is done, or still there to be done; and so is what is published afterwards. Some jobs hold the floor."""
    for lost in await _losses(tmp_path, bulk=os.environ.get("POWER_CUT_QUEUE") != "work"):
        assert not lost, f"{len(lost)} accepted jobs are gone, such as {sorted(lost)[:5]}"


async def test_a_power_cut_of_an_empty_queue_loses_nothing_that_comes_later(tmp_path: Path) -> None:
    """All is done and removed: the broker goes on counting where it was, so that nothing new counts as done."""
    async with at_work(tmp_path, bulk=True) as site:
        await eventually(lambda: len(site.ledger.accepted) >= 1_500, what="the load goes on", timeout_seconds=60)
        site.ledger.released.set()
        await cancelled(site.publishing)
        await site.harness.empty()
        cut = site.cut(0)
    assert not await cut.lost()


async def test_a_broker_that_does_not_sync_loses_by_a_power_cut(tmp_path: Path) -> None:
    """The control: were nothing lost here, the cuts above would prove nothing."""
    lazy = 'jetstream {{ store_dir: "{store}", sync_interval: "2m", max_file_store: 20000000000 }}'
    (lost,) = await _losses(tmp_path, bulk=True, extra=lazy, cuts=1)
    assert lost

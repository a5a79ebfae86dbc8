"""What the console costs before a large backlog: a twentieth of that of `bench.console`, and bounds to match.

Times are the best of several, and of this process: what else the machine does meanwhile is not the console's.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from msgspec.structs import replace

from bench.console import SCREENS, bench_topology, console, seed, work_off
from bench.memory import resident_mb
from bench.tabs import Tab
from contracts.email import SendEmail
from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.console.figures.changes import Changes
from nightshift.console.figures.presence import Presence
from nightshift.console.figures.reading import Sample, changed, read_sample
from nightshift.console.figures.retries import Retries
from nightshift.console.figures.sampler import Sampler
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex
from nightshift.embedded.servers.broker import Broker
from nightshift.heartbeat import Heartbeat
from nightshift.messaging.publisher import Publisher
from nightshift.topology.discovery import WorkerInfo, describe_self
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import Topology
from tests.harness import connected, eventually
from tests.integration.services.console import seed as letters

WAITING, LATER, DEAD, DONE = 50_000, 3_000, 5_000, 2_000
PAGE_SECONDS, LETTERS_SECONDS = 0.05, 0.1
INDEXED_PER_SECOND = 20_000
"""So 100,000 letters take five seconds."""
SLOWER = 2.0
"""So much slower may the machine of a test be than the one for which the bounds are."""
GROWTH_MEGABYTES = 10.0
ROUNDS, CHURNED, BROWSERS = 12, 500, 10


@pytest.fixture(scope="module")
def declared() -> Topology:
    """The shipped streams; that of email is emptied in bulk."""
    return bench_topology(bulk=True)


@pytest.fixture(scope="module")
async def full(broker: Broker, declared: Topology) -> AsyncIterator[Connection]:
    """The operator's connection to a broker with a backlog."""
    async with connected(broker) as connection:
        await provision_broker(connection, declared)
        await seed(connection, WAITING + DONE, LATER, DEAD)
        await work_off(connection, DONE)
        yield connection


@pytest.fixture(scope="module")
async def viewer(
    full: Connection, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    """A viewer at a console that is a process of its own, and the id of that."""
    del full
    async with console(tmp_path_factory.mktemp("numbers"), broker.url) as (client, pid):
        await eventually(lambda: _knows_all(client), what="it knows every dead letter")
        yield client, pid


async def _knows_all(client: httpx.AsyncClient) -> bool:
    return f"{DEAD:,} dead letter" in (await client.get("/dead?service=email")).text


@pytest.mark.parametrize("title", SCREENS)
async def test_a_page_is_quick_however_much_waits(viewer: tuple[httpx.AsyncClient, int], title: str) -> None:
    """Each kind of page, with and without what it shares with others, within its bound."""
    client, _ = viewer
    first = (await client.get("/queues/email")).text.partition("after=")[2].partition("#")[0]
    path = SCREENS[title].format(middle=int(first or 0) + WAITING // 2)
    took = list[float]()
    for _ in range(8):
        began = time.perf_counter()
        answer = await client.get(path)
        took.append(time.perf_counter() - began)
        assert answer.status_code == 200
    assert min(took) < (LETTERS_SECONDS if path.startswith("/dead") else PAGE_SECONDS) * SLOWER, took
    assert took[0] < 1.0, took


async def test_a_page_of_a_queue_begins_behind_what_is_done_in_it(
    viewer: tuple[httpx.AsyncClient, int], full: Connection
) -> None:
    """A queue that is emptied in bulk still has it."""
    began = int((await manage(full, "STREAM.INFO.EMAIL"))["state"]["first_seq"])
    client, _ = viewer
    text = (await client.get("/queues/email")).text
    (first, *_) = re.findall(r'<tr><td class="number">(\d+)</td>', text.partition('id="waiting"')[2])
    assert first == f"{began + DONE}"
    assert f"<dd>{WAITING:,}" in text


async def test_every_letter_is_indexed_in_time(full: Connection, declared: Topology) -> None:
    """From nothing, and pages that are asked for meanwhile are told how far it is."""
    index, changes = LetterIndex(), Changes()
    sampler = Sampler(full, declared, changes)
    follower = LetterFollower(full, declared, index, sampler, changes)
    running = [asyncio.ensure_future(one.run(Heartbeat())) for one in (sampler, follower)]
    shares = set[int]()
    try:
        await eventually(lambda: follower.progress.there, what="it knows how many there are")
        began = time.process_time()
        while follower.progress.known < DEAD:
            shares.add(round(follower.progress.share * 100))
            await asyncio.sleep(0)
        assert time.process_time() - began < DEAD / INDEXED_PER_SECOND * SLOWER
        assert len(shares) > 3
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        index.close()


async def test_a_look_asks_nothing_of_what_rests(broker: Broker, full: Connection, declared: Topology) -> None:
    """Nor of a queue in which jobs wait more than of an empty one, but for how old the oldest is."""
    presence, retries = Presence(full), Retries(full)
    first = await read_sample(full, declared, presence, retries, None)
    second = await read_sample(full, declared, presence, retries, first)
    assert first.asked == 2 + len(declared.consumers) + 1
    assert second.asked == 2 + 1 + 1
    async with connected(broker) as other:
        await manage(other, "CONSUMER.PAUSE.SYNC.sync", {"pause_until": "2200-01-01T00:00:00Z"})
        await Publisher(other).publish(SendEmail(to="ada@example.com", subject="Hi", body="Hi"))
    third = await read_sample(full, declared, presence, retries, second)
    assert third.queue("email").waiting == second.queue("email").waiting + 1
    assert not third.queue("sync").paused
    at_rest = {key: one._replace(at=one.at - 11) for key, one in third.consumers.items()}
    later = await read_sample(full, declared, presence, retries, _with(third, at_rest))
    assert later.queue("sync").paused


def test_a_small_lag_of_a_worker_is_no_change() -> None:
    """It is never twice the same, and pages of workers that rest would be asked for all the time."""
    me = describe_self("email", "")
    rests, jitters, blocked = (_saw(replace(me, loop_lag_seconds=lag)) for lag in (0.001, 0.012, 1.3))
    assert "workers" not in changed(rests, jitters)
    assert "workers" in changed(rests, blocked)


def _saw(worker: WorkerInfo) -> Sample:
    return Sample(datetime.now(UTC), [], [worker], {}, {}, {}, {}, 0)


def _with(sample: Sample, consumers: object) -> Sample:
    return replace(sample, consumers=consumers)


async def test_memory_stays_as_it_is_however_many_letters_come_and_go(
    viewer: tuple[httpx.AsyncClient, int], full: Connection
) -> None:
    """Each with an error of its own, before browsers that show them."""
    client, pid = viewer
    tabs = [Tab(client, path) for path in ("/dead", "/", "/queues/email") for _ in range(BROWSERS // 3)]
    running = [asyncio.ensure_future(tab.run()) for tab in tabs]
    sizes = list[float]()
    try:
        for number in range(ROUNDS):
            words = [f"Error{chr(97 + number)}{chr(97 + one % 26)}: it failed" for one in range(CHURNED)]
            await asyncio.gather(*(_dead(full, error) for error in words))
            await eventually(lambda: _knows(client, DEAD + CHURNED), what="it knows them")
            await manage(full, "STREAM.PURGE.SYNC_DLQ")
            await eventually(lambda: _knows(client, DEAD), what="it has forgotten them")
            sizes.append(resident_mb(pid))
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert sizes[-1] - sizes[len(sizes) // 3] < GROWTH_MEGABYTES, sizes


async def _dead(connection: Connection, error: str) -> None:
    await letters.dead(connection, error, job_id="churned", job_type="sync.external", died=datetime.now(UTC))


async def _knows(client: httpx.AsyncClient, letters: int) -> bool:
    return f"<h1>{letters:,} dead letter" in (await client.get("/dead")).text

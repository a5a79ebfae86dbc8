"""What the gateway's user reaches at the broker, were its process in somebody else's hands: little but its own jobs.

docs/security.md says what is left; the tests at the end hold it to that.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from contracts.email import SendEmail
from contracts.maintenance import CleanActivity
from nightshift.broker import BrokerRefusedError, Connection, NotPermittedError, connect
from nightshift.broker.direct_get import read_at, read_newest
from nightshift.broker.jetstream import manage, store
from nightshift.contract.catalogue import load_catalogue
from nightshift.messaging.outbound import encode
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.permissions import IMPORTED_API
from tests.harness import Stored, eventually, stored
from tests.integration.security.conftest import TOPOLOGY, Guarded

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
THEIRS = CleanActivity()
"""A job of a service whose jobs nobody outside may ask for."""
WAITING = "later.email.send.of-the-gateway"
REPLIES = [
    "paused.sync.all",
    "later.maintenance.activity.x",
    "later.email.send.x",
    "due.email.send",
    "dead.email.send",
    "cron.cleanup.daily",
    "jobs.maintenance.activity",
    "workers.here.email",
    "$JS.API.STREAM.PURGE.EMAIL",
]
ORDERS: list[dict[str, str]] = [
    {"Nats-Rollup": "all"},
    {"Nats-Rollup": "sub"},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "jobs.maintenance.activity"},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "$JS.API.STREAM.PURGE.MAINTENANCE"},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "dead.email.send"},
    {"Nats-Scheduler": "later.maintenance.activity.theirs", "Nats-Schedule-Next": "purge"},
    {"Nats-TTL": "1s"},
    {"Nats-Trace-Dest": "later.maintenance.activity.x"},
    {"Nats-Trace-Dest": "dead.maintenance.activity", "Nats-Trace-Only": "true"},
]


@pytest.fixture
async def gateway(guarded: Guarded) -> AsyncIterator[Connection]:
    """The connection of the gateway's user."""
    connection = await connect(guarded.settings("gateway", nats_api_prefix=IMPORTED_API), name="gateway")
    yield connection
    await connection.close()


@pytest.fixture
async def others(guarded: Guarded) -> AsyncIterator[list[Stored]]:
    """A job of another service that is to be done, and one that waits."""
    publisher = Publisher(guarded.operator)
    await publisher.publish(THEIRS, job_id="theirs")
    await publisher.publish_later(THEIRS, delay=timedelta(days=1), job_id="theirs")
    yield await _of_others(guarded.operator)
    for stream in TOPOLOGY.streams:
        if stream.options.get("deny_purge"):
            continue
        await manage(guarded.operator, f"STREAM.PURGE.{stream.name}")


async def _of_others(operator: Connection) -> list[Stored]:
    """Everything that is stored, but for what is in the two streams of mails to be sent."""
    names = [stream.name for stream in TOPOLOGY.streams if stream.name not in {"EMAIL", "EMAIL_LATER"}]
    return [one for name in names for one in await stored(operator, name)]


async def test_it_publishes_puts_off_looks_up_and_takes_back(guarded: Guarded, gateway: Connection) -> None:
    """All that its routes do, with the subjects that its account imports."""
    publisher = Publisher(gateway)
    receipt = await publisher.publish(MAIL, job_id="now")
    queued = await read_at(gateway, receipt.stream, receipt.sequence)
    assert queued is not None
    assert (receipt.stream, queued.headers["Job-Id"]) == ("EMAIL", "now")
    assert await read_at(gateway, receipt.stream, receipt.sequence + 1) is None
    assert len(await publisher.publish_many([MAIL] * 5)) == 5
    await publisher.publish_later(MAIL, delay=timedelta(hours=1), job_id="of-the-gateway")
    waiting = await read_newest(gateway, "EMAIL_LATER", WAITING)
    assert waiting is not None
    assert (waiting.subject, waiting.headers["Job-Id"], waiting.body) == (WAITING, "of-the-gateway", encode(MAIL))
    assert await publisher.cancel("email.send", "of-the-gateway")
    assert await read_newest(gateway, "EMAIL_LATER", WAITING) is None
    assert not await publisher.cancel("email.send", "of-the-gateway")
    await manage(guarded.operator, "STREAM.PURGE.EMAIL")


@pytest.mark.parametrize("reply", REPLIES)
async def test_no_answer_of_the_broker_is_stored_anywhere(
    guarded: Guarded, gateway: Connection, others: list[Stored], reply: str
) -> None:
    """Neither an acknowledgement nor a stored job, whose text it could choose, reaches what a reply names."""
    publisher = Publisher(gateway)
    await publisher.publish_later(MAIL, delay=timedelta(hours=1), job_id="of-the-gateway")
    before = await stored(guarded.operator, "EMAIL_LATER")
    gateway.send(b"jobs.email.send", encode(MAIL), reply.encode())
    gateway.send(f"{IMPORTED_API}.DIRECT.GET.EMAIL_LATER.{WAITING}".encode(), b"", reply.encode())
    await gateway.flush()
    await publisher.publish(MAIL)  # behind the others, so that they have arrived
    assert await read_newest(gateway, "EMAIL_LATER", WAITING)
    assert await stored(guarded.operator, "EMAIL_LATER") == before
    assert await _of_others(guarded.operator) == others


@pytest.mark.parametrize("orders", ORDERS, ids=lambda orders: " ".join(f"{n}={v}" for n, v in orders.items())[:90])
async def test_no_header_reaches_what_another_service_has(
    guarded: Guarded, gateway: Connection, others: list[Stored], orders: dict[str, str]
) -> None:
    """What waits for its time obeys headers that queues refuse: within the streams of a service that it offers."""
    for subject in ("jobs.email.send", "later.email.send.x"):
        with contextlib.suppress(BrokerRefusedError, Unavailable):
            await store(gateway, subject, {"Job-Id": "hostile", **orders}, encode(MAIL), timeout_seconds=0.5)
    assert await _of_others(guarded.operator) == others


_FORBIDDEN = [
    "later.email.other.x",
    "due.email.send",
    "dead.email.send",
    "cron.cleanup.daily",
    *(
        f"jobs.{job_type}"
        for job_type in sorted(load_catalogue().internal.difference(load_catalogue().gateways["gateway"]))
    ),
    "$JS.API.STREAM.PURGE.EMAIL",
    f"{IMPORTED_API}.STREAM.PURGE.EMAIL",
    f"{IMPORTED_API}.STREAM.PURGE.MAINTENANCE_LATER",
    f"{IMPORTED_API}.DIRECT.GET.EMAIL.jobs.email.send",
    f"{IMPORTED_API}.DIRECT.GET.MAINTENANCE",
    f"{IMPORTED_API}.STREAM.MSG.DELETE.EMAIL",
    f"{IMPORTED_API}.DIRECT.GET.EMAIL_LATER",
    f"{IMPORTED_API}.DIRECT.GET.EMAIL_DLQ.dead.email.send",
]


@pytest.mark.parametrize("subject", _FORBIDDEN)
async def test_the_broker_says_no_to_everything_else(gateway: Connection, subject: str) -> None:
    """Jobs that nobody may ask for from outside, what others have stored, and streams of services without an offer."""
    with pytest.raises(NotPermittedError, match="no permission"):
        await gateway.ask(subject, b"{}")


async def test_what_is_left_is_to_erase_or_hand_over_what_waits_at_a_service_that_it_offers(
    guarded: Guarded, gateway: Connection
) -> None:
    """The broker does not see the filter of a purge, and a stream with schedules obeys `Nats-Rollup` from anybody."""
    await Publisher(guarded.operator).publish_later(MAIL, delay=timedelta(days=1), job_id="of-another")
    await store(gateway, "later.email.send.x", {"Nats-Rollup": "all"}, encode(MAIL))
    assert [one.subject for one in await stored(guarded.operator, "EMAIL_LATER")] == ["later.email.send.x"]
    now = {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "due.email.other"}
    await store(gateway, "later.email.send.y", now, encode(MAIL))

    async def handed_over() -> bool:
        return "due.email.other" in {one.subject for one in await stored(guarded.operator, "EMAIL_LATER")}

    await eventually(handed_over, what="the broker hands the job over")
    await manage(gateway, "STREAM.PURGE.EMAIL_LATER")
    assert await stored(guarded.operator, "EMAIL_LATER") == []

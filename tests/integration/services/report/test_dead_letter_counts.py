"""Counting dead letters at a real broker, with no right to read them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightshift.broker import Connection, NotPermittedError, connect
from nightshift.broker.jetstream import manage, store
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.outcomes import Permanent, Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import topology
from services.report.queries.nats_dead_letters import StreamDeadLetterCounts

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
STREAMS = ["CRON_DLQ", "EMAIL_DLQ", "SYNC_DLQ"]
USERS = """
authorization { users = [
  { user: admin, password: secret }
  { user: report, password: secret, permissions: {
      publish: ["$JS.API.STREAM.INFO.EMAIL_DLQ", "$JS.API.STREAM.INFO.CRON_DLQ"], subscribe: ["_INBOX_report.>"] } }
] }
"""


async def connected(broker: Broker, user: str) -> Connection:
    """A connection as one of the broker's users."""
    return await connect(
        ProcessSettings(nats_url=broker.url, nats_user=user, nats_password=Secret("secret")), name=user
    )


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker with users, and with dead letters of two services."""
    server = Broker(tmp_path_factory.mktemp("broker"), extra=USERS)
    await server.start()
    admin = await connected(server, "admin")
    await provision_broker(admin, topology(["email.send", "sync.external"], {}))
    for subject in ("dead.email.send", "dead.email.send", "dead.email.sned", "dead.cron.report.weekly"):
        await store(admin, subject, {}, b"secret")
    await manage(admin, "STREAM.MSG.DELETE.EMAIL_DLQ", {"seq": 1})
    await admin.close()
    yield server
    await server.kill()


async def test_dead_letters_are_counted_by_type(guarded: Broker) -> None:
    """Those that wait; and how many there have been, also those that were taken out since."""
    admin = await connected(guarded, "admin")
    try:
        seen = await StreamDeadLetterCounts(admin, STREAMS).count(NOW)
    finally:
        await admin.close()
    assert seen.waiting == {"email.send": 1, "email.sned": 1, "cron.report.weekly": 1}
    assert seen.ever == {"EMAIL_DLQ": 3, "CRON_DLQ": 1, "SYNC_DLQ": 0}
    assert (seen.seen_at, seen.total) == (NOW, 3)


async def test_the_right_to_ask_for_a_streams_state_is_enough(guarded: Broker) -> None:
    """Counting needs nothing else: this user cannot read a single dead letter."""
    report = await connected(guarded, "report")
    try:
        seen = await StreamDeadLetterCounts(report, ["EMAIL_DLQ", "CRON_DLQ"]).count(NOW)
        with pytest.raises(NotPermittedError):
            await manage(report, "STREAM.MSG.GET.EMAIL_DLQ", {"seq": 2})
    finally:
        await report.close()
    assert seen.total == 3


async def test_a_missing_right_is_named(guarded: Broker) -> None:
    """It is a dead letter at once, which says what to permit."""
    report = await connected(guarded, "report")
    try:
        with pytest.raises(Permanent, match=r"permit it to publish to \$JS.API.STREAM.INFO.SYNC_DLQ"):
            await StreamDeadLetterCounts(report, STREAMS).count(NOW)
    finally:
        await report.close()


async def test_a_stream_that_does_not_exist_holds_none(guarded: Broker) -> None:
    """A service that was never provisioned has no dead letters."""
    admin = await connected(guarded, "admin")
    try:
        seen = await StreamDeadLetterCounts(admin, ["NOBODY_DLQ"]).count(NOW)
    finally:
        await admin.close()
    assert (seen.waiting, seen.ever) == ({}, {})


async def test_a_thousand_misspelt_types_do_not_swell_the_answer(guarded: Broker) -> None:
    """The most frequent are named, the rest counted together."""
    admin = await connected(guarded, "admin")
    try:
        for number in range(60):
            await store(admin, f"dead.sync.typo{number}", {}, b"{}")
        seen = await StreamDeadLetterCounts(admin, ["SYNC_DLQ"]).count(NOW)
    finally:
        await admin.close()
    assert len(seen.waiting) == 51
    assert seen.waiting["other types"] == 10
    assert seen.total == 60


async def test_a_broker_that_is_away_is_an_outage(tmp_path: Path) -> None:
    """The report waits until it is back."""
    server = Broker(tmp_path / "broker")
    await server.start()
    connection = await connect(ProcessSettings(nats_url=server.url), name="report")
    try:
        await server.kill()
        counts = StreamDeadLetterCounts(connection, ["EMAIL_DLQ"])
        with pytest.raises(Unavailable, match="broker"):
            await counts.count(NOW)
    finally:
        await connection.close()

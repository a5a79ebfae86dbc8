"""What a user may not do, and who cannot even come in."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from nightshift.broker import Connection, NotPermittedError, connect, direct_get
from nightshift.broker.jetstream import manage
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from tests.harness import RunProbe, eventually, probe_topology

USERS = """
authorization {
  users: [
    { user: admin, password: admin }
    { user: email, password: email, permissions: {
        publish: ["jobs.email.>", "$JS.API.INFO"]
        subscribe: ["_INBOX_email.>"]
    } }
  ]
}
"""


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker with users and permissions, and the streams of the service `probe`."""
    broker = Broker(tmp_path_factory.mktemp("guarded"), extra=USERS)
    await broker.start()
    admin = await connect(settings(broker, "admin"), name="admin")
    await provision_broker(admin, probe_topology())
    await admin.close()
    yield broker
    await broker.kill()


def settings(broker: Broker, user: str, password: str | None = None) -> ProcessSettings:
    """The settings of this user."""
    return ProcessSettings(nats_url=broker.url, nats_user=user, nats_password=Secret(password or user))


@pytest.fixture
async def email(guarded: Broker) -> AsyncIterator[Connection]:
    """A connection of the user that may do little."""
    connection = await connect(settings(guarded, "email"), name="email")
    yield connection
    await connection.close()


async def test_a_publish_without_permission_is_told_to_who_waits_for_it(email: Connection) -> None:
    """At once and not after the timeout; the connection goes on."""
    started = time.monotonic()
    with pytest.raises(NotPermittedError, match=r"jobs\.probe\.run: this user has no permission to publish there"):
        await Publisher(email).publish(RunProbe(name="a"))
    assert time.monotonic() - started < 5
    with pytest.raises(NotPermittedError):
        await manage(email, "STREAM.PURGE.PROBE_LATER", {"filter": "later.probe.run.X"})
    await manage(email, "INFO")


async def test_what_may_not_be_read_is_told_at_once(email: Connection) -> None:
    """As an outage that names the permission: readers of streams know no other error."""
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"DIRECT\.GET\.PROBE: this user has no permission"):
        await direct_get.page(email, "PROBE", ">")
    assert time.monotonic() - started < 5


async def test_one_refusal_does_not_touch_other_requests(email: Connection) -> None:
    """Of the requests under way only those on the forbidden subject fail."""
    answers = await asyncio.gather(
        *(email.ask(subject, b"") for subject in ("$JS.API.INFO", "jobs.Probe.X", "$JS.API.INFO")),
        return_exceptions=True,
    )
    assert [type(answer).__name__ for answer in answers] == ["Reply", "NotPermittedError", "Reply"]


async def test_a_refusal_that_nobody_waits_for_is_logged(email: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that may not pull or acknowledge would else stand still without a word."""
    email.send(b"$JS.API.CONSUMER.MSG.NEXT.PROBE.probe", b"1")
    await eventually(lambda: "CONSUMER.MSG.NEXT.PROBE.PROBE" in caplog.text.upper(), what="it is logged")


async def test_a_wrong_password_is_said_once_and_tried_again(
    guarded: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator reads one error that names the settings; the broker may learn of the new password later."""
    tries: list[str] = []
    original = Connection.heard_error

    async def hear(self: Connection, error: Exception) -> None:
        tries.append(str(error))
        await original(self, error)

    monkeypatch.setattr(Connection, "heard_error", hear)
    connecting = asyncio.create_task(connect(settings(guarded, "email", "renewed"), name="email"))
    try:
        await eventually(lambda: sum("Authorization" in text for text in tries) >= 2, what="two tries")
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == 1
        assert "Authorization Violation" in errors[0]
        assert "check NATS_USER and NATS_PASSWORD" in errors[0]
        guarded.extra = USERS.replace("password: email", "password: renewed")
        await guarded.restart()
        connection = await asyncio.wait_for(connecting, 10)
        await connection.close()
    finally:
        connecting.cancel()
        guarded.extra = USERS
        await guarded.restart()


async def test_the_password_is_in_no_log_line(guarded: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor the client library's."""
    connecting = asyncio.create_task(connect(settings(guarded, "email", "s3cr3t-word"), name="email"))
    await eventually(lambda: "Authorization" in caplog.text, what="the refusal is logged")
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    assert "s3cr3t-word" not in caplog.text

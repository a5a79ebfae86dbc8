"""A service over TLS to all that it speaks with (broker, PostgreSQL, object store, mail server), by settings alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.email import Attachment, SendEmail
from nightshift.broker import Connection, connect
from nightshift.config.settings import Settings, load
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.object_store import ObjectServer, Tls
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.runtime.composition import database_of
from nightshift.runtime.object_stores import object_store
from tests.harness import eventually, stored
from tests.integration.cli.harness import run_command
from tests.integration.services.email.certificates import Certificates, make_certificates
from tests.integration.services.email.smtp_script import SmtpScript, smtp_server
from tests.postgres_server import PostgresServer, postgres_server
from tests.servers import needing_programs

_BROKER_TLS = 'tls {{ cert_file: "{0.certificate}", key_file: "{0.key}" }}\n'
_PASSWORD = "made-up"
"""The password that the mail server requires."""


@dataclass
class World:
    """Four servers that speak to nobody without TLS, and the settings with which a service uses them."""

    stack: Stack
    postgres: PostgresServer
    mail: SmtpScript
    settings: dict[str, str]

    def service(self, **extra: str) -> Service:
        """The email service; not started."""
        return Service(self.stack, "email", extra={"LOG_FORMAT": "json", **self.settings, **extra})

    @property
    def environment(self) -> dict[str, str]:
        """All settings."""
        return self.stack.environment() | self.settings


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and its certificate for localhost."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
async def world(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Everything provisioned over TLS, no service running."""
    stack = Stack(tmp_path_factory.mktemp("encrypted"), broker_config=_BROKER_TLS.format(certificates))
    tls = Tls(certificates.certificate, certificates.key, certificates.ca_file)
    stack.objects = ObjectServer(stack.folder / "objects", log=stack.logs / "weed.log", tls=tls)
    async with AsyncExitStack() as closing:
        postgres = await closing.enter_async_context(postgres_server(certificates))
        server = smtp_server(tls=certificates.server, require_starttls=True, auth_required=True)
        mail = await closing.enter_async_context(server)
        closing.push_async_callback(stack.kill)
        with needing_programs():
            await stack.start()
        ca_file = str(certificates.ca_file)
        settings = {
            **dict.fromkeys(("NATS_CA_FILE", "DATABASE_CA_FILE", "S3_CA_FILE", "SMTP_CA_FILE"), ca_file),
            "NATS_URL": f"tls://localhost:{stack.broker.port}",
            "DATABASE_URL": postgres.url,
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(mail.port),
            "SMTP_TLS": "starttls",
            "SMTP_USER": "ada",
            "SMTP_PASSWORD": _PASSWORD,
        }
        provision = stack.process("nightshift.runtime.provision", extra=settings)
        assert await provision.wait(timeout_seconds=60) == 0, provision.output()
        yield World(stack, postgres, mail, settings)


@pytest.fixture
async def connection(world: World) -> AsyncIterator[Connection]:
    """A producer's connection."""
    opened = await connect(load(Settings, world.environment), name="producer", wait_seconds=10)
    yield opened
    await opened.close()


async def _publish(world: World, connection: Connection, job_id: str) -> None:
    """A mail with an attachment: its job needs all four servers."""
    objects = object_store(load(Settings, world.environment))
    await objects.put(f"reports/{job_id}.txt", b"some words", "text/plain")
    await objects.close()
    attachment = Attachment(key=f"reports/{job_id}.txt", file_name="words.txt")
    message = SendEmail(to=f"{job_id}@example.com", subject="Hi", body="<p>Hi</p>", attachments=(attachment,))
    await Publisher(connection).publish(message, job_id=job_id)


def _mails(world: World, job_id: str) -> list[bytes]:
    return [one.content for one in world.mail.received if one.recipients == [f"{job_id}@example.com"]]


async def _ready_answer(service: Service) -> str:
    reader, writer = await asyncio.open_connection(LOOPBACK, int(service.health_url.rpartition(":")[2]))
    writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_job_is_done_over_tls_to_everything(world: World, connection: Connection) -> None:
    """Provisioned, taken from the queue, its attachment read, its mail sent with a login, its effect committed."""
    await _publish(world, connection, "over-tls")
    service = world.service()
    await service.start()
    try:
        await service.ready()
        await eventually(lambda: _mails(world, "over-tls"), what="the mail")
    finally:
        await service.stop()
    (content,) = _mails(world, "over-tls")
    assert b"words.txt" in content
    assert world.mail.logins
    database = database_of(load(Settings, world.environment))
    async with database.read() as reading:
        query = "SELECT count(*) FROM nightshift.processed_messages WHERE type = 'email.send'"
        assert (await reading.exec_driver_sql(query)).scalar_one() == 1
    await database.close()
    assert await stored(connection, "EMAIL") == []


@pytest.mark.parametrize("variable", ["DATABASE_CA_FILE", "S3_CA_FILE"])
async def test_jobs_wait_for_a_server_that_is_not_vouched_for(
    world: World, connection: Connection, tmp_path: Path, variable: str
) -> None:
    """/readyz says why and which setting to look at, no attempt is counted; with the right authority it is done."""
    foreign = make_certificates(tmp_path).ca_file
    job_id = variable.partition("_")[0].lower()
    await _publish(world, connection, job_id)
    service = world.service(**{variable: str(foreign)})
    await service.start()
    try:

        async def told() -> bool:
            try:
                return f"{variable} must name the authority" in await _ready_answer(service)
            except OSError:  # it is still starting
                return False

        await eventually(told, what="/readyz tells")
        await eventually(lambda: "unavailable" in service.log.read_text(), what="the log tells")
    finally:
        await service.stop()
    assert "Traceback" not in service.log.read_text()
    (waiting,) = [one for stream in ("EMAIL", "EMAIL_LATER") for one in await stored(connection, stream)]
    assert (waiting.headers["Job-Id"], waiting.headers.get("Job-Attempt-Base", "0")) == (job_id, "0")
    assert await stored(connection, "EMAIL_DLQ") == []
    again = world.service()
    await again.start()
    try:
        await eventually(lambda: _mails(world, job_id), what="the mail", timeout_seconds=60)
    finally:
        await again.stop()
    assert len(_mails(world, job_id)) == 1


async def test_doctor_looks_at_everything_over_tls(world: World, tmp_path: Path) -> None:
    """Nothing is wrong with database and bucket; with another authority it says what to look at."""
    right = await run_command(("doctor", "--json"), world.environment, Path("nowhere"))
    states = {row["check"]: row["state"] for row in right.json}
    assert (states["broker"], states["database"], states["objects"]) == ("ok", "ok", "ok")
    foreign = str(make_certificates(tmp_path).ca_file)
    for variable, check in (("DATABASE_CA_FILE", "database"), ("S3_CA_FILE", "objects"), ("NATS_CA_FILE", "broker")):
        wrong = await run_command(("doctor", "--json"), world.environment | {variable: foreign}, Path("nowhere"))
        (row,) = [row for row in wrong.json if row["check"] == check and row["state"] == "wrong"]
        assert f"{variable} must name the authority" in row["found"]


async def test_provision_says_whom_nobody_vouches_for(world: World, tmp_path: Path) -> None:
    """One line and exit code 1, no traceback."""
    foreign = str(make_certificates(tmp_path).ca_file)
    for variable in ("DATABASE_CA_FILE", "S3_CA_FILE"):
        process = world.stack.process(
            "nightshift.runtime.provision", extra=world.settings | {variable: foreign, "PROVISION_WAIT_SECONDS": "1"}
        )
        assert await process.wait(timeout_seconds=60) == 1
        assert f"{variable} must name the authority" in process.output()
        assert "Traceback" not in process.output()

"""Secrets are in no log, error, metric, health answer or dead letter, also when what they are for fails."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import insert

from contracts.email import SendEmail
from contracts.sync import SyncExternal
from nightshift.database import open_database
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.services import Service
from nightshift.messaging.publisher import Publisher
from schema.tables import linked_accounts, users
from tests.harness import eventually, stored
from tests.integration.security.conftest import Guarded

SECRETS = {
    "broker password": "brkr-Zq81-pass",
    "database password": "dbpw-Xk72-pass",
    "object store key": "s3key-Vn63-secret",
    "SMTP password": "smtp-Wp54-pass",
    "Resend key": "re_Yt45_key_of_resend",
    "GitHub token": "ghp_Ur36tokenofgithub",
    "account's credentials": "gho_Io27credentialsofada",
    "password of the feed": "feed-Pa18-pass",
}
NOWHERE = f"http://{LOOPBACK}:9"
"""Nobody listens there."""

FAILING: dict[str, tuple[str, dict[str, str], str]] = {
    "a refused login at the broker": (
        "email",
        {"NATS_USER": "email", "NATS_PASSWORD": SECRETS["broker password"]},
        "broker_refuses_user",
    ),
    "a password in the broker's address": (
        "email",
        {"NATS_URL": f"nats://email:{SECRETS['broker password']}@{LOOPBACK}:9", "NATS_USER": "", "NATS_PASSWORD": ""},
        "Connect call failed|Connection refused",
    ),
    "a database that is away": (
        "email",
        {"DATABASE_URL": f"postgresql://ada:{SECRETS['database password']}@{LOOPBACK}:9/nightshift"},
        "circuit_open|not_ready|unavailable",
    ),
    "an object store that refuses the key": ("email", {"S3_SECRET_KEY": SECRETS["object store key"]}, "objects:"),
    "a mail server without TLS and login": (
        "email",
        {"SMTP_USER": "ada", "SMTP_PASSWORD": SECRETS["SMTP password"], "SMTP_TLS": "starttls"},
        '"event":"job"',
    ),
    "a provider that is away": (
        "email",
        {"MAIL_TRANSPORT": "resend", "RESEND_API_KEY": SECRETS["Resend key"], "RESEND_URL": NOWHERE},
        '"event":"job"',
    ),
    "services that are away": (
        "sync",
        {"GITHUB_TOKEN": SECRETS["GitHub token"], "GITHUB_URL": NOWHERE, "SYNC_ALLOW_PRIVATE_ADDRESSES": "true"},
        '"event":"job"',
    ),
}


def found_in(text: str) -> list[str]:
    """Names the secrets that a text shows."""
    return [name for name, secret in SECRETS.items() if secret in text]


async def _send_work(guarded: Guarded, name: str) -> None:
    """A mail and two accounts for the services to fail with."""
    publisher = Publisher(guarded.operator)
    key = name.replace(" ", "-")
    await publisher.publish(SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>"), job_id=key)
    database = open_database(guarded.stack.environment()["DATABASE_URL"])
    feed = f"http://ada:{SECRETS['password of the feed']}@{LOOPBACK}:9/feed"
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": key, "email": f"{key}@example.com"})
        account = {"user_id": key, "service": "github", "base_url": NOWHERE}
        await connection.execute(insert(linked_accounts), {**account, "credentials": SECRETS["account's credentials"]})
        await connection.execute(insert(linked_accounts), {"user_id": key, "service": "feed", "base_url": feed})
    await database.close()
    for service in ("github", "feed"):
        await publisher.publish(SyncExternal(user_id=key, service=service), job_id=f"{key}-{service}")


async def _answers(service: Service) -> str:
    """Return the answers of its health port to every path."""
    texts: list[str] = []
    for path in ("/healthz", "/readyz", "/metrics"):
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, int(service.health_url.rpartition(":")[2]))
        except OSError:  # it is still starting, or has ended
            continue
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        texts.append((await reader.read()).decode())
        writer.close()
        await writer.wait_closed()
    return "".join(texts)


@pytest.mark.parametrize("name", FAILING)
async def test_no_secret_is_shown_when_something_fails(guarded: Guarded, name: str) -> None:
    """The service meets the failure and says so; what it says, anywhere, has no secret in it."""
    module, settings, words = FAILING[name]
    await _send_work(guarded, name)
    said = await said_by(guarded.service(module, **settings), words)
    letters = [str(one) for stream in ("EMAIL_DLQ", "SYNC_DLQ") for one in await stored(guarded.operator, stream)]
    assert found_in(said + "".join(letters)) == []


async def said_by(service: Service, words: str) -> str:
    """Run a service until its log has one of the words (separated by bars); return its log up to then."""
    await service.start()
    shown = ""
    try:

        async def told() -> bool:
            said = service.process.output() + await _answers(service)
            return any(word in said for word in words.split("|"))

        await eventually(told, what=f"it says {words}", timeout_seconds=40)
        shown = await _answers(service)
    finally:
        await service.kill()
    log = service.log.read_text()
    assert log
    return log + shown


def _wrong(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings with something wrong in each secret's neighbourhood."""
    return {**settings, "SLOTS": "none", "NATS_CREDS_FILE": "/does/not/exist"}


async def test_no_secret_is_shown_when_settings_are_wrong(guarded: Guarded, tmp_path: Path) -> None:
    """The error names the variables, and of the secret ones not the values."""
    file = tmp_path / "password"
    file.write_text(SECRETS["SMTP password"])
    settings = {
        "NATS_USER": "email",
        "NATS_PASSWORD": SECRETS["broker password"],
        "DATABASE_URL": f"mysql://ada:{SECRETS['database password']}@localhost/x",
        "S3_SECRET_KEY": SECRETS["object store key"],
        "RESEND_API_KEY": SECRETS["Resend key"],
        "SMTP_PASSWORD_FILE": str(file),
    }
    service = guarded.service("email", **_wrong(settings))
    await service.start()
    assert await service.process.wait(timeout_seconds=30) == 2
    output = service.process.output()
    assert "SLOTS" in output
    assert "DATABASE_URL" in output
    assert found_in(output) == []


async def test_the_passwords_of_a_healthy_run_are_nowhere(guarded: Guarded) -> None:
    """Neither in what services say, nor in what the broker, the object store and the mail server log."""
    service = guarded.service("email", SMTP_TLS="none")
    await service.start()
    try:
        await service.ready()
        shown = await _answers(service)
    finally:
        await service.stop()
    logs = "".join(log.read_text(errors="replace") for log in guarded.stack.logs.glob("*.log"))
    secrets = [*guarded.passwords.values(), guarded.stack.objects.secret_key]
    assert not [secret for secret in secrets if secret in logs + shown]

"""Secrets are in nothing that is said when a login or a certificate is refused, by the servers that they are for."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import nkeys
import pytest
from sqlalchemy.engine import make_url

from contracts.email import SendEmail
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer, Tls
from nightshift.messaging.publisher import Publisher
from tests.harness import stored
from tests.integration.cli.harness import run_command
from tests.integration.security.conftest import Guarded
from tests.integration.security.credentials_files import Key, new_authority
from tests.integration.security.test_secrets import said_by
from tests.integration.services.email.certificates import Certificates, make_certificates
from tests.integration.services.email.smtp_script import SmtpScript, smtp_server
from tests.postgres_server import PostgresServer, postgres_server

DATABASE, STORE, MAIL = "dbpw-Qs38/pa?ss", "s3key-Lm91-secret", "smtp-Hd26-pass"
"""One of them looks different in a URL."""


@dataclass
class Servers:
    """Three that demand a login over TLS, and authorities: theirs, and another."""

    postgres: PostgresServer
    objects: ObjectServer
    mail: SmtpScript
    own: Certificates
    foreign: Certificates


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """Running ones."""
    own = make_certificates(tmp_path_factory.mktemp("own"))
    foreign = make_certificates(tmp_path_factory.mktemp("foreign"))
    objects = ObjectServer(tmp_path_factory.mktemp("s3"), tls=Tls(own.certificate, own.key, own.ca_file))
    async with AsyncExitStack() as closing:
        postgres = await closing.enter_async_context(postgres_server(own))
        mail = await closing.enter_async_context(smtp_server(tls=own.server, require_starttls=True, auth_required=True))
        closing.push_async_callback(objects.kill)
        await objects.start()
        yield Servers(postgres, objects, mail, own, foreign)


def _database(servers: Servers, authority: Certificates) -> dict[str, str]:
    url = make_url(servers.postgres.url).set(password=DATABASE).render_as_string(hide_password=False)
    return {"DATABASE_URL": url, "DATABASE_CA_FILE": str(authority.ca_file)}


def _objects(servers: Servers, authority: Certificates) -> dict[str, str]:
    return {
        "S3_ENDPOINT": servers.objects.endpoint,
        "S3_CA_FILE": str(authority.ca_file),
        "S3_ACCESS_KEY": servers.objects.access_key,
        "S3_SECRET_KEY": STORE,
    }


def _mail(servers: Servers, authority: Certificates) -> dict[str, str]:
    return {
        "SMTP_HOST": "localhost",
        "SMTP_PORT": str(servers.mail.port),
        "SMTP_TLS": "starttls",
        "SMTP_CA_FILE": str(authority.ca_file),
        "SMTP_USER": "ada",
        "SMTP_PASSWORD": MAIL,
    }


_AT_ONCE = {"PROVISION_WAIT_SECONDS": "1"}
CASES = {
    "the database's password is wrong": "password authentication failed",
    "the database's certificate is refused": "DATABASE_CA_FILE must name the authority",
    "the store's key is wrong": "the secret key is wrong",
    "the store's certificate is refused": "S3_CA_FILE must name the authority",
    "the mail server refuses the login": "refused our login, check SMTP_USER",
    "the mail server's certificate is refused": "check SMTP_TLS and SMTP_CA_FILE",
}


@pytest.mark.parametrize("case", CASES)
async def test_no_secret_is_shown_when_a_server_refuses_us(guarded: Guarded, servers: Servers, case: str) -> None:
    """Neither by the service (log, health, metrics), nor by the doctor, nor by provision, nor in a dead letter."""
    authority = servers.foreign if "certificate" in case else servers.own
    make = _database if "database" in case else _objects if "store" in case else _mail
    settings = make(servers, authority)
    await Publisher(guarded.operator).publish(SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>"))
    told = await said_by(guarded.service("email", **settings), CASES[case])
    environ = guarded.stack.environment() | guarded.login("operator") | settings
    doctor = await run_command(("doctor", "--json"), environ, Path("nowhere"))
    assert doctor.code == 1
    told += doctor.out + doctor.err
    if make is not _mail:
        provision = guarded.stack.process(
            "nightshift.runtime.provision", extra=guarded.login("operator") | settings | _AT_ONCE
        )
        assert await provision.wait(timeout_seconds=60) == 1
        assert CASES[case] in provision.output()
        told += provision.output()
    told += str(await stored(guarded.operator, "EMAIL_DLQ"))
    written = {
        DATABASE,
        STORE,
        MAIL,
        make_url("x://h").set(password=DATABASE, username="a").render_as_string(hide_password=False),
    }
    assert not [secret for secret in written if secret in told]
    assert "dbpw-Qs38" not in told


async def test_no_seed_is_shown_when_the_broker_refuses_the_credentials(guarded: Guarded, tmp_path: Path) -> None:
    """The key in NATS_CREDS_FILE signs, for an account that the broker does not know; it never comes out."""
    authority, file = new_authority(), tmp_path / "user.creds"
    seed = authority.write(file, account=Key(nkeys.PREFIX_BYTE_ACCOUNT))
    broker = Broker(tmp_path / "broker", extra=authority.config)
    await broker.start()
    try:
        settings = {"NATS_URL": broker.url, "NATS_USER": "", "NATS_PASSWORD": "", "NATS_CREDS_FILE": str(file)}
        told = await said_by(guarded.service("email", **settings), "broker_refuses_user")
        doctor = await run_command(("doctor",), guarded.stack.environment() | settings, Path("nowhere"))
    finally:
        await broker.kill()
    assert "authorization violation" in (doctor.out + doctor.err).lower()
    assert seed not in told + doctor.out + doctor.err

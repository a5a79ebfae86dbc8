"""TLS to PostgreSQL and to an S3 server, with an authority of the test's own: who is not vouched for is an outage."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from nightshift.config.settings import Settings, SettingsError, load
from nightshift.database import Database, migrate
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.object_store import ObjectServer, Tls
from nightshift.objects.s3 import S3ObjectStore
from nightshift.outcomes import Unavailable
from nightshift.runtime.composition import database_address, database_of
from nightshift.runtime.object_stores import object_store
from tests.harness import eventually
from tests.integration.services.email.certificates import Certificates, make_certificates
from tests.postgres_server import PostgresServer, postgres_server
from tests.servers import running

REFUSALS = {
    "another authority": r"its certificate is refused \(.*issuer.*\): {}_CA_FILE must name the authority",
    "another host": r"its certificate is refused \(.*not valid for '127\.0\.0\.1'\): {} must call the server by a name",
    "an expired certificate": r"its certificate is refused \(certificate has expired\): renew it",
}


@dataclass(frozen=True)
class Authorities:
    """Certificates for localhost: a good one, one that was good until yesterday, and another authority's."""

    good: Certificates
    expired: Certificates
    foreign: Certificates


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """New ones."""
    good = make_certificates(tmp_path_factory.mktemp("good"))
    expired = good.another(tmp_path_factory.mktemp("expired"), days=-1)
    return Authorities(good, expired, make_certificates(tmp_path_factory.mktemp("foreign")))


@pytest.fixture(scope="module")
def certificates(authorities: Authorities) -> Certificates:
    """The good ones."""
    return authorities.good


@pytest.fixture(scope="module")
async def postgres(certificates: Certificates) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that speaks to nobody without TLS."""
    async with postgres_server(certificates) as server:
        yield server


@pytest.fixture(scope="module")
async def objects(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ObjectServer]:
    """An S3 server over HTTPS."""
    tls = Tls(certificates.certificate, certificates.key, certificates.ca_file)
    async with running(ObjectServer(tmp_path_factory.mktemp("objects"), tls=tls)) as server:
        yield server


def _settings(**environ: str) -> Settings:
    elsewhere = {"DATABASE_URL": "sqlite:////nowhere.db", "S3_ENDPOINT": "http://127.0.0.1:9"}
    return load(Settings, {**elsewhere, "S3_ACCESS_KEY": "nobody", "S3_SECRET_KEY": "nothing-at-all", **environ})


def _database(url: str, authority: Certificates | None) -> Database:
    ca_file = {"DATABASE_CA_FILE": str(authority.ca_file)} if authority else {}
    return database_of(_settings(DATABASE_URL=url, **ca_file))


def _store(objects: ObjectServer, authority: Certificates | None, endpoint: str | None = None) -> S3ObjectStore:
    keys = {"S3_ACCESS_KEY": objects.access_key, "S3_SECRET_KEY": objects.secret_key}
    ca_file = {"S3_CA_FILE": str(authority.ca_file)} if authority else {}
    return object_store(_settings(S3_ENDPOINT=endpoint or objects.endpoint, S3_BUCKET="encrypted", **keys, **ca_file))


async def test_with_the_authority_the_database_is_used_over_tls(
    postgres: PostgresServer, certificates: Certificates
) -> None:
    """`DATABASE_CA_FILE` is all: writing connections and reading ones are encrypted."""
    await migrate(database_address(_settings(DATABASE_URL=postgres.url, DATABASE_CA_FILE=str(certificates.ca_file))))
    database = _database(postgres.url, certificates)
    await database.probe()
    query = text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    for block in (database.read, database.write):
        async with block() as connection:
            row = (await connection.execute(query)).one()
            assert row.ssl
            assert row.version in {"TLSv1.2", "TLSv1.3"}
    await database.close()


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_database_that_nobody_vouches_for_is_an_outage(
    postgres: PostgresServer, authorities: Authorities, case: str
) -> None:
    """Jobs wait; the text says which server, why, and which setting or what at the server to look at."""
    authority = authorities.foreign if case == "another authority" else authorities.good
    url = postgres.url_by(LOOPBACK) if case == "another host" else postgres.url
    if case == "an expired certificate":
        postgres.present(authorities.expired)
    database = _database(url, authority)
    try:
        said = await eventually(lambda: _refusal(database), what="it is refused")
    finally:
        postgres.present(authorities.good)
        await database.close()
    assert f"PostgreSQL at {url.rpartition('@')[2]}: " in said
    assert re.search(REFUSALS[case].format("DATABASE" if case == "another authority" else "DATABASE_URL"), said)
    assert postgres.password not in said


async def _refusal(database: Database) -> str:
    try:
        await database.probe()
    except Unavailable as outage:
        return str(outage)
    return ""


async def test_a_database_without_tls_gets_no_password(certificates: Certificates) -> None:
    """Whoever takes TLS out of the server's answer is not spoken to in the clear."""
    heard = bytearray()

    async def refuse_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readexactly(8))
        writer.write(b"N")
        heard.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(refuse_tls, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    database = _database(f"postgresql://app:made-up-password@localhost:{port}/shop", certificates)
    with pytest.raises(Unavailable, match="rejected SSL upgrade"):
        await database.probe()
    assert bytes(heard) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # the request for TLS, and nothing after it
    server.close()
    await database.close()


async def test_an_authority_that_is_asked_for_and_not_named_is_an_outage(postgres: PostgresServer) -> None:
    """`sslmode=verify-full` alone: the text names the setting that is missing."""
    database = _database(f"{postgres.url}?sslmode=verify-full", None)
    with pytest.raises(Unavailable, match=r"root certificate file .* does not exist.*DATABASE_CA_FILE can name"):
        await database.probe()
    await database.close()


async def test_with_the_authority_objects_are_stored_over_tls(
    objects: ObjectServer, certificates: Certificates
) -> None:
    """`S3_CA_FILE` names it; bucket and objects work as without TLS."""
    store = _store(objects, certificates)
    await store.ensure_bucket()
    await store.probe()
    await store.put("a/b", b"bytes", "text/plain")
    assert await store.read("a/b", limit=10) == b"bytes"
    await store.close()


@pytest.mark.parametrize("case", ["no authority", *REFUSALS])
async def test_a_store_that_nobody_vouches_for_is_an_outage(
    objects: ObjectServer, authorities: Authorities, case: str
) -> None:
    """As for the database; without S3_CA_FILE only the well-known authorities are trusted."""
    authority = {"no authority": None, "another authority": authorities.foreign}.get(case, authorities.good)
    endpoint = objects.endpoint.replace("localhost", LOOPBACK) if case == "another host" else objects.endpoint
    words = REFUSALS.get(case, REFUSALS["another authority"])
    async with AsyncExitStack() as closing:
        if case == "an expired certificate":
            # Any server will do: nothing is said to it.
            outdated = await asyncio.start_server(lambda *_: None, LOOPBACK, 0, ssl=authorities.expired.server)
            closing.callback(outdated.close)
            endpoint = f"https://localhost:{outdated.sockets[0].getsockname()[1]}"
        store = _store(objects, authority, endpoint)
        closing.push_async_callback(store.close)
        with pytest.raises(Unavailable, match=words.format("S3" if "authority" in case else "S3_ENDPOINT")) as caught:
            await store.put("a", b"b", "text/plain")
    assert f"S3 at {endpoint}, bucket encrypted: " in str(caught.value)
    assert objects.secret_key not in str(caught.value)


async def test_a_store_is_spoken_to_in_its_own_way(objects: ObjectServer, certificates: Certificates) -> None:
    """http:// to a port for TLS, and https:// to one without: an outage that names the setting."""
    plain = _store(objects, None, f"http://localhost:{objects.port}")
    with pytest.raises(Unavailable, match="it speaks TLS only, write https:// in S3_ENDPOINT"):
        await plain.put("a", b"b", "text/plain")
    await plain.close()

    async def say_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(say_http, LOOPBACK, 0)
    encrypted = _store(objects, certificates, f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(Unavailable, match=r"it does not speak TLS there .*: check host, port and scheme in S3_"):
        await encrypted.put("a", b"b", "text/plain")
    server.close()
    await encrypted.close()


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"DATABASE_CA_FILE": "/no/ca.pem"}, "DATABASE_CA_FILE: there is no file /no/ca.pem"),
        ({"S3_CA_FILE": "/no/ca.pem", "S3_ENDPOINT": "https://s3"}, "S3_CA_FILE: there is no file /no/ca.pem"),
        ({"S3_CA_FILE": "CA"}, "S3_CA_FILE is set and S3_ENDPOINT begins with http://"),
        ({"DATABASE_CA_FILE": "CA"}, "DATABASE_URL: DATABASE_CA_FILE is set, but an SQLite file has no certificate"),
        (
            {"DATABASE_CA_FILE": "CA", "DATABASE_URL": "postgresql://a:secret-word@h/x?sslmode=require"},
            "DATABASE_URL: DATABASE_CA_FILE is set: leave sslmode and sslrootcert out of the URL",
        ),
        ({"NATS_CA_FILE": "EMPTY"}, r"NATS_CA_FILE: \S+ holds no certificate, expected one or several in PEM form"),
        ({"S3_CA_FILE": "EMPTY", "S3_ENDPOINT": "https://s3"}, r"S3_CA_FILE: \S+ holds no certificate"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(
    certificates: Certificates, tmp_path: Path, environ: dict[str, str], problem: str
) -> None:
    """A file that is missing or none, and settings that would leave TLS out though an authority is named."""
    (tmp_path / "empty.pem").write_text("nothing")
    files = {"CA": str(certificates.ca_file), "EMPTY": str(tmp_path / "empty.pem")}
    with pytest.raises(SettingsError, match=problem) as caught:
        _settings(**{name: files.get(value, value) for name, value in environ.items()})
    assert len(caught.value.problems) == 1
    assert "secret-word" not in str(caught.value)


def test_the_host_name_may_be_left_unverified_in_so_many_words(certificates: Certificates) -> None:
    """`sslmode=verify-ca` stays what the URL says; everything else the authority turns into verify-full."""
    for url, mode in (("postgresql://h/x?sslmode=verify-ca", "verify-ca"), ("postgresql://h/x", "verify-full")):
        database = _database(url, certificates)
        assert f"sslmode={mode}" in database.url
        assert f"sslrootcert={certificates.ca_file}".replace("/", "%2F") in database.url.replace("/", "%2F")

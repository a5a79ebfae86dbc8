"""A password that is rotated, in its file and at the server, needs no restart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings, Settings, load
from nightshift.database import open_database
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects.s3 import open_objects
from nightshift.outcomes import Unavailable
from nightshift.runtime.composition import database_of
from tests.harness import eventually
from tests.integration.services.email.certificates import make_certificates
from tests.postgres_server import postgres_server
from tests.servers import running

STORES = {"S3_ENDPOINT": "http://127.0.0.1:1", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a PostgreSQL server, with a user who may do anything."""
    async with postgres_server(make_certificates(tmp_path)) as started:
        yield started.url


async def test_the_databases_password_is_read_at_each_new_connection(server: str, tmp_path: Path) -> None:
    """Old connections are ended by the server; new ones are made with what the file holds then."""
    file = tmp_path / "database-url"
    operator = open_database(server)

    def url(password: str) -> str:
        return make_url(server).set(username="worker", password=password).render_as_string(hide_password=False)

    async def run(statement: str) -> None:
        async with operator.write() as connection:
            await connection.execute(text(statement))

    await run("CREATE ROLE worker LOGIN PASSWORD 'first-password'")
    file.write_text(url("first-password"))
    database = database_of(load(Settings, {"DATABASE_URL_FILE": str(file), **STORES}))
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))
    await run("ALTER ROLE worker PASSWORD 'second-password'")
    await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'")

    async def is_refused() -> bool:
        """Return whether the old password is refused; before, a connection of the pool finds that it was ended."""
        with pytest.raises(Unavailable) as told:
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))
        return "worker" in str(told.value)

    await eventually(is_refused)
    file.write_text(url("second-password"))
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT current_user"))).scalar() == "worker"
    await database.close()
    await operator.close()


async def test_the_brokers_password_is_read_at_each_reconnect(tmp_path: Path) -> None:
    """The broker comes back with another one, and the connection with it."""
    file = tmp_path / "nats-password"
    file.write_text("first-password")

    def users(password: str) -> str:
        return f'authorization {{ users: [ {{ user: "app", password: "{password}" }} ] }}'

    async with running(Broker(tmp_path / "broker", extra=users("first-password"))) as broker:
        environment = {"NATS_URL": broker.url, "NATS_USER": "app", "NATS_PASSWORD_FILE": str(file)}
        connection = await connect(load(ProcessSettings, environment), name="app", wait_seconds=10)
        back = asyncio.Event()
        connection.on_reconnect.append(back.set)
        file.write_text("second-password")
        broker.extra = users("second-password")
        await broker.restart()
        await eventually(back.is_set, what="the connection is back with the new password")
        await connection.close()


async def test_the_object_stores_key_is_read_at_each_request(objects_server: ObjectServer) -> None:
    """Wrong at first, right when the file is."""
    key = ["wrong"]
    store = open_objects(objects_server.endpoint, objects_server.access_key, lambda: key[0], "rotated")
    with pytest.raises(Unavailable, match="secret key is wrong"):
        await store.ensure_bucket()
    key[0] = objects_server.secret_key
    assert await store.ensure_bucket()
    await store.close()

"""What `nightshift credentials` makes for a module of one's own: logins that are enough for its work, and no more."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from nightshift.config.project import Project
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.objects import ObjectStoreRefusedError
from nightshift.objects.s3 import S3ObjectStore, open_objects
from tests.postgres_server import PostgresServer, postgres_server
from tests.servers import needing_programs

MODULE = '''"""A warehouse."""

from sqlalchemy import Column, Integer, MetaData, Table, Text, update

from nightshift import Job, Message, Service
from nightshift.objects import ObjectStore

stock = Table("stock", MetaData(), Column("item", Text, primary_key=True), Column("left", Integer))


class TakeItem(Message):
    SUBJECT = "jobs.warehouse.take"
    item: str


class PeekItem(Message):
    SUBJECT = "jobs.office.peek"
    item: str


warehouse = Service(
    "warehouse", schema="shop", tables={"stock": "SELECT, UPDATE (left)"}, objects={"notes/": "read, write"}
)
office = Service("office", schema="shop")


@warehouse.handler
async def take_item(message: TakeItem, job: Job, *, objects: ObjectStore) -> None:
    await objects.put(f"notes/{message.item}", b"taken", "text/plain")
    job.write(update(stock).where(stock.c.item == message.item).values(left=stock.c.left - 1))


@office.handler
async def peek_item(message: PeekItem, job: Job) -> None:
    job.result = message.item
'''
MIGRATION = """import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table("stock", sa.Column("item", sa.Text, primary_key=True), sa.Column("left", sa.Integer))
    op.create_table("wages", sa.Column("name", sa.Text, primary_key=True))
    op.execute("INSERT INTO stock VALUES ('pen', 5)")
"""


@dataclass(frozen=True)
class Shop:
    """A project, its servers, and the folders of its credentials."""

    folder: Path
    stack: Stack
    server: PostgresServer

    def login(self, process: str, user: str = "") -> dict[str, str]:
        """The settings with which a process logs in everywhere, from its own folder."""
        own = self.folder / "credentials" / process
        key = {"S3_ACCESS_KEY": user or process, "S3_SECRET_KEY_FILE": str(own / "s3-secret-key")}
        url, password = str(own / "database-url"), str(own / "nats-password")
        return {
            **key,
            "DATABASE_URL": "",
            "DATABASE_URL_FILE": url,
            "NATS_PASSWORD_FILE": password,
            "S3_SECRET_KEY": "",
        }

    async def typed(self, *command: str, **settings: str) -> tuple[int | None, str]:
        """Run a command in the project's folder; return its exit code and what it said."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | settings
        process = await create_subprocess_exec(
            *(sys.executable, "-P", "-m", "nightshift.cli", *command),
            cwd=self.folder,
            env=environ,
            stdout=PIPE,
            stderr=STDOUT,
        )
        async with asyncio.timeout(100):
            output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def credentials(self) -> str:
        """Make the credentials, or bring them up to date."""
        place = f"localhost:{self.server.port}/nightshift"
        code, said = await self.typed("credentials", "shop.jobs", "--out", "credentials", "--database", place)
        assert code == 0, said
        return said

    async def provision(self) -> tuple[int | None, str]:
        """Provision as the operator, with everybody's roles."""
        roles = self.folder / "credentials" / "provision" / "database-roles"
        own = self.login("provision", "operator") | {"NATS_USER": "operator", "DATABASE_ROLES_FILE": str(roles)}
        return await self.typed("provision", "shop.jobs", **self.stack.environment() | own)

    def secret(self, name: str) -> str:
        """What a file of the credentials holds."""
        return (self.folder / "credentials" / name).read_text(encoding="utf-8")

    def objects(self, process: str) -> S3ObjectStore:
        """The bucket by the key of a process."""
        secret = self.secret(f"{process}/s3-secret-key")
        return open_objects(self.stack.objects.endpoint, process, secret, "nightshift")


def _write(folder: Path) -> None:
    files = {"jobs.py": MODULE, "__init__.py": "", "migrations/__init__.py": "", "migrations/v0001_stock.py": MIGRATION}
    for path, text in files.items():
        (folder / "shop" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "shop" / path).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Broker, PostgreSQL and object store with the users, roles and keys that were made; all is provisioned."""
    folder = tmp_path_factory.mktemp("project")
    _write(folder)
    project = Project(folder, contracts="shop.jobs", declared=("office", "warehouse"), schema="shop")
    async with AsyncExitStack() as closing:
        server = await closing.enter_async_context(postgres_server())
        made = Shop(folder, Stack(folder / "stack", project=project), server)
        assert "office" in await made.credentials()
        stack = Stack(folder / "stack", project=project, broker_config=made.secret("nats/users.conf"))
        known = json.loads(made.secret("seaweedfs/s3.json"))
        stack.objects = ObjectServer(folder / "objects", log=folder / "weed.log", identities=known["identities"])
        made = Shop(folder, stack, server)
        await _make_database(server, made.secret("postgres/nightshift-password"))
        closing.push_async_callback(stack.kill)
        with needing_programs():
            await stack.start()
        code, said = await made.provision()
        assert code == 0, said
        yield made


async def _make_database(server: PostgresServer, password: str) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(f"CREATE ROLE nightshift LOGIN CREATEROLE PASSWORD '{password}'")
        await connection.execute("CREATE DATABASE nightshift OWNER nightshift")
    finally:
        await connection.close()


async def test_a_worker_does_its_work_with_its_own_logins(shop: Shop) -> None:
    """A row of its table, an object in its folder, its result and the end of the job: nothing is refused."""
    operator = shop.login("provision", "operator") | {"NATS_USER": "operator"}
    worker = Service(shop.stack, "warehouse", extra=shop.login("warehouse"))
    try:
        await worker.start()
        await worker.ready(timeout_seconds=60)
        command = ("send", "warehouse.take", '{"item": "pen"}', "--wait")
        code, said = await shop.typed(*command, **shop.stack.environment() | operator)
        assert (code, "done" in said) == (0, True), said
    finally:
        await worker.stop()
    connection = await asyncpg.connect(shop.secret("provision/database-url"))
    try:
        assert await connection.fetchval('SELECT "left" FROM stock WHERE item = $1', "pen") == 4
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        ("warehouse", "DELETE FROM stock"),
        ("warehouse", "UPDATE stock SET item = 'x'"),
        ("warehouse", "SELECT * FROM wages"),
        ("warehouse", "DELETE FROM nightshift.processed_messages"),
        ("warehouse", "CREATE TABLE mine (a int)"),
        ("office", "SELECT * FROM stock"),
        ("gateway", "SELECT * FROM stock"),
        ("gateway", "INSERT INTO nightshift.gateway_keys (id) VALUES ('x')"),
        ("console", "DELETE FROM nightshift.outbox"),
        ("producer", "SELECT * FROM nightshift.outbox"),
    ],
)
async def test_a_role_may_do_nothing_that_is_not_declared(shop: Shop, service: str, statement: str) -> None:
    """Nor reach another's table, nor what is the library's and another's work."""
    connection = await asyncpg.connect(shop.secret(f"{service}/database-url"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_key_reaches_its_own_folders_alone(shop: Shop) -> None:
    """The object store refuses another service's folder, and the list of its own, which it did not declare."""
    own, other = shop.objects("warehouse"), shop.objects("office")
    try:
        await own.put("notes/a", b"1", "text/plain")
        assert (await own.stat("notes/a")).size == 1
        for store, key in ((other, "notes/a"), (own, "letters/a")):
            with pytest.raises(ObjectStoreRefusedError):
                await store.put(key, b"2", "text/plain")
    finally:
        await own.close()
        await other.close()


async def test_a_second_run_changes_nothing_and_provisions_nothing(shop: Shop) -> None:
    """Passwords stay, and so do the roles' rights."""
    before = {path: path.read_bytes() for path in _files(shop)}
    await shop.credentials()
    assert {path: path.read_bytes() for path in _files(shop)} == before
    code, said = await shop.provision()
    assert (code, "(0 changes)" in said) == (0, True), said


def _files(shop: Shop) -> Iterator[Path]:
    return (path for path in sorted((shop.folder / "credentials").rglob("*")) if path.is_file())


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ('tables={"stok": "SELECT"}', "there is no table stok"),
        ('tables={"stock": "SELECT (colour)"}', "stock has no column colour"),
    ],
)
async def test_access_to_what_is_not_there_is_told_and_changes_nothing(shop: Shop, declared: str, told: str) -> None:
    """In one line, by `provision`."""
    file = shop.folder / "shop" / "jobs.py"
    right = file.read_text(encoding="utf-8")
    try:
        file.write_text(
            right.replace('Service("office", schema="shop")', f'Service("office", schema="shop", {declared})')
        )
        code, said = await shop.provision()
        assert (code, told in said, "Traceback" in said) == (1, True, False), said
    finally:
        file.write_text(right, encoding="utf-8")


@pytest.mark.parametrize("declared", ['tables={"stock": "ALL"}', 'objects={"notes": "read"}', 'objects={"a/": "burn"}'])
async def test_words_that_mean_nothing_are_told_where_they_stand(shop: Shop, tmp_path: Path, declared: str) -> None:
    """With file and line, and exit code 2; nothing is written."""
    text = f'from nightshift import Service\n\noffice = Service("office", {declared})\n'
    (shop.folder / "wrong.py").write_text(text, encoding="utf-8")
    code, said = await shop.typed("credentials", "wrong", "--out", str(tmp_path / "out"))
    assert (code, said.count("\n"), "wrong.py:3" in said) == (2, 1, True), said
    assert not (tmp_path / "out").exists()

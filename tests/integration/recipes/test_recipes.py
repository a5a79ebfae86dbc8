"""The recipes of docs/enqueue-by-sql.md, as they stand there: each in its own language, on a real database.

Run once, a recipe leaves an order and its job; a second time the order exists, and there is no second job.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import sqlite3
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.database import migrate, sqlite_url
from nightshift.database.producer_role import PRODUCER
from nightshift.database.producers import let_producers
from tests.integration.security.stores import Roles, database_roles
from tests.node.installed import installed
from tests.recipes.environment import FOLDER, python
from tests.repository import ROOT
from tests.servers import absent

PAGE = (ROOT / "docs" / "enqueue-by-sql.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### ([^\n]+)\n\n```\w+\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL))
"""Heading -> what stands below it."""
DJANGO = """
import os, django
from django.conf import settings
from urllib.parse import urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    INSTALLED_APPS=["shop"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": url.username, "PASSWORD": url.password,
        "HOST": url.hostname, "PORT": url.port,
    }},
)
django.setup()
from recipe import place_order
place_order(17)
"""
"""What is around the recipe in a project of Django's: settings, and the application `shop` with its model."""
MODELS = """
from django.db import models
class Order(models.Model):
    id = models.IntegerField(primary_key=True)
    class Meta:
        db_table = "orders"
        managed = False
"""


@dataclass(frozen=True)
class Shop:
    """An application's login at a database in which it may enqueue, and its table of orders."""

    roles: Roles
    url: str

    async def orders_and_jobs(self) -> tuple[list[int], list[dict[str, Any]]]:
        """What is there."""
        owner = await asyncpg.connect(self.roles.owner_url)
        try:
            orders = [row["id"] for row in await owner.fetch("SELECT id FROM orders")]
            return orders, [dict(row) for row in await owner.fetch("SELECT * FROM nightshift.outbox")]
        finally:
            await owner.close()


@pytest.fixture(scope="module")
async def roles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roles]:
    """A provisioned PostgreSQL with an application in it, whose role is a member of the producers'."""
    async with database_roles(tmp_path_factory.mktemp("certificates")) as made:
        await migrate(made.owner_url, roles=made.passwords)
        await let_producers(made.owner_url, load_catalogue().public(), notify=True)
        yield made


@pytest.fixture
async def shop(roles: Roles) -> AsyncIterator[Shop]:
    """The application; its orders and jobs are gone afterwards."""
    word = secrets.token_hex(8)
    await roles.administer(
        f"CREATE ROLE webshop LOGIN PASSWORD '{word}'",
        "GRANT CONNECT ON DATABASE nightshift TO webshop",
        f"GRANT nightshift_{PRODUCER} TO webshop",
        "CREATE TABLE orders (id int PRIMARY KEY)",
        "GRANT SELECT, INSERT ON orders TO webshop",
        "GRANT SELECT ON orders TO nightshift",
    )
    yield Shop(roles, roles.owner_url.replace(f"nightshift:{roles.owner_password}", f"webshop:{word}"))
    await roles.administer(
        "DROP TABLE orders", "DELETE FROM nightshift.outbox", "DROP OWNED BY webshop", "DROP ROLE webshop"
    )


def program(name: str, *, apt: str) -> str:
    """Return a program of this machine."""
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not on this machine: apt-get install {apt}")
    return found


async def run(command: list[str], folder: Path, **environ: str) -> tuple[int, str]:
    """Run a program in a folder; return its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **environ}, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def twice(shop: Shop, command: list[str], folder: Path, **environ: str) -> None:
    """Run a recipe once, and again where its order exists."""
    environ = {"DATABASE_URL": shop.url, **environ}
    code, said = await run(command, folder, **environ)
    assert code == 0, said
    orders, (job,) = await shop.orders_and_jobs()
    assert (orders, job["subject"], json.loads(job["headers"])) == ([17], "jobs.email.send", {"Job-Id": "order-17"})
    mail = {"to": "ada@example.com", "subject": "Thank you", "body": "<p>Order 17</p>"}
    assert json.loads(job["body"]) == mail
    code, said = await run(command, folder, **environ)
    assert code != 0, said
    assert "orders_pkey" in said
    assert await shop.orders_and_jobs() == (orders, [job])


def test_every_recipe_of_the_page_is_tried() -> None:
    """By a test of this file."""
    here = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in RECIPES if f'RECIPES["{name}"]' not in here] == []
    assert len(RECIPES) == 8


async def test_psql(shop: Shop, tmp_path: Path) -> None:
    """Typed into a shell; it says when to run."""
    program("psql", apt="postgresql-client")
    await twice(shop, [program("bash", apt="bash"), "-c", RECIPES["psql"]], tmp_path)
    _, (job,) = await shop.orders_and_jobs()
    assert 11.9 < (job["not_before"] - job["created_at"]).total_seconds() / 3600 < 12.1


@pytest.mark.parametrize(
    "recipe", [RECIPES["Python: psycopg"], RECIPES["Python: SQLAlchemy"]], ids=["psycopg", "sqlalchemy"]
)
async def test_python(shop: Shop, tmp_path: Path, recipe: str) -> None:
    """By the driver alone, and by SQLAlchemy, which writes the row."""
    await twice(shop, [str(python()), "-c", recipe], tmp_path)


BY_THE_LIBRARY = """
import os

import psycopg
from contracts.email import SendEmail

from nightshift import enqueue

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("INSERT INTO orders (id) VALUES (%s)", [17])
    mail = SendEmail(to="ada@example.com", subject="Thank you", body="<p>Order 17</p>")
    enqueue(connection, mail, job_id="order-17")
"""


async def test_the_library_needs_no_more_rights_than_a_recipe(shop: Shop, tmp_path: Path) -> None:
    """A role that may insert four columns, and read nothing, is enough for `nightshift.enqueue`."""
    path = f"{ROOT}{os.pathsep}{ROOT / 'shared'}"
    await twice(shop, [str(python()), "-c", BY_THE_LIBRARY], tmp_path, PYTHONPATH=path)


async def test_django(shop: Shop, tmp_path: Path) -> None:
    """With a model of its own, in `transaction.atomic()`."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "models.py").write_text(MODELS)
    (tmp_path / "recipe.py").write_text(RECIPES["Python: Django"])
    await twice(shop, [str(python()), "-c", DJANGO], tmp_path)


async def test_node(shop: Shop) -> None:
    """The test's server has a certificate of its own, which pg would not trust."""
    folder = installed(FOLDER)
    (folder / "recipe.mjs").write_text(RECIPES["Node: pg"])
    url = f"{shop.url}?sslmode=no-verify"
    await twice(shop, [program("node", apt="nodejs"), "recipe.mjs"], folder, DATABASE_URL=url)


async def test_ruby(shop: Shop, tmp_path: Path) -> None:
    """By Debian's package of pg."""
    ruby = program("ruby", apt="ruby ruby-pg")
    if (await run([ruby, "-e", "require 'pg'"], tmp_path))[0]:
        absent("ruby has no pg: apt-get install ruby-pg")
    await twice(shop, [ruby, "-e", RECIPES["Ruby: pg"]], tmp_path)


async def test_go(shop: Shop, tmp_path: Path) -> None:
    """By Debian's package of pq; compiled once."""
    go = program("go", apt="golang-go golang-github-lib-pq-dev")
    packages = Path("/usr/share/gocode")
    if not (packages / "src/github.com/lib/pq").is_dir():
        absent("go has no pq: apt-get install golang-github-lib-pq-dev")
    (tmp_path / "recipe.go").write_text(RECIPES["Go: database/sql"])
    settings = {"GO111MODULE": "off", "GOPATH": str(packages), "GOFLAGS": "", "GOCACHE": str(ROOT / "var" / "go-build")}
    code, said = await run([go, "build", "-o", "recipe", "recipe.go"], tmp_path, **settings)
    assert code == 0, said
    await twice(shop, ["./recipe"], tmp_path)


async def test_sqlite3(tmp_path: Path) -> None:
    """On the file that the services have."""
    file = tmp_path / "shop.db"
    await migrate(sqlite_url(file))
    await let_producers(sqlite_url(file), load_catalogue().public(), notify=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    command = [str(python()), "-c", RECIPES["Python: sqlite3"]]
    codes = [(await run(command, tmp_path, DATABASE_FILE=str(file)))[0] for _ in range(2)]
    assert codes == [0, 1]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT id FROM orders").fetchall() == [(17,)]
        ((subject, headers),) = connection.execute("SELECT subject, headers FROM outbox").fetchall()
    assert (subject, json.loads(headers)) == ("jobs.email.send", {"Job-Id": "order-17"})

"""The guides of docs/applications, as they stand there: real frameworks, servers, a broker and PostgreSQL."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import nats
import pytest

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.testing import add_tables
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import declared_topology
from tests.databases import postgres_database
from tests.harness import eventually
from tests.integration.recipes.guides import (
    CATALOGUE,
    DJANGO,
    FOLDER,
    ChargeInvoice,
    SendReceipt,
    files_of,
    run,
    surroundings,
    write_shop,
)
from tests.node.installed import installed
from tests.postgres_server import PostgresServer, postgres_server
from tests.recipes.environment import FOLDER as RECIPES
from tests.recipes.environment import python
from tests.servers import running

SERVERS = {
    "django.md": ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    "flask.md": ("-m", "flask", "--app", "shop.app", "run", "--port", "{port}"),
    "fastapi.md": ("-m", "uvicorn", "--log-level", "warning", "--port", "{port}", "shop.app:app"),
}
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
TESTS = {
    "django.md": ("manage.py", "test", "shop"),
    "flask.md": PYTEST,
    "fastapi.md": PYTEST,
}
OTHERS = {"django.md": DJANGO}


@dataclass(frozen=True)
class Shop:
    """The application of a page: its folder, its database, and the broker that it publishes to."""

    folder: Path
    database: str
    broker: str

    @property
    def settings(self) -> dict[str, str]:
        """What its processes read."""
        return {"DATABASE_URL": self.database, "NATS_URL": self.broker}

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask its database."""
        connection = await asyncpg.connect(self.database)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def outbox(self) -> list[tuple[str, dict[str, str], dict[str, str]]]:
        """Return subject, body and headers of what was enqueued."""
        rows = await self.rows("SELECT subject, convert_from(body, 'UTF8'), headers::text FROM nightshift.outbox")
        return [(subject, json.loads(body), json.loads(headers)) for subject, body, headers in rows]

    async def published(self, stream: str = "BILLING") -> list[tuple[str, dict[str, str], dict[str, str]]]:
        """Return subject, body and headers of what the broker holds."""
        client = await nats.connect(self.broker)
        try:
            jobs = client.jetstream()
            state = (await jobs.stream_info(stream)).state
            found = [await jobs.get_msg(stream, seq) for seq in range(state.first_seq, state.last_seq + 1)]
        finally:
            await client.close()
        return [(str(one.subject), json.loads(one.data or b"null"), dict(one.headers or {})) for one in found]


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[PostgresServer]:
    """One server, in which each page has a database."""
    async with postgres_server() as server:
        yield server


@pytest.fixture
async def shop(postgres: PostgresServer, broker: Broker, tmp_path: Path) -> AsyncIterator[Shop]:
    """An empty shop, whose database and broker are provisioned."""
    connection = await connect(ProcessSettings(nats_url=broker.url), name="provision", wait_seconds=20)
    await provision_broker(connection, declared_topology(CATALOGUE))
    async with postgres_database(postgres.url) as url:
        await add_tables(url, ChargeInvoice, SendReceipt)
        yield Shop(tmp_path, url, broker.url)
    client = connection.jetstream()
    for stream in ("BILLING", "BILLING_LATER"):
        await client.delete_stream(stream)
    await connection.close()


@asynccontextmanager
async def serving(shop: Shop, command: tuple[str, ...]) -> AsyncIterator[httpx.AsyncClient]:
    """The framework's own server, and a client of it."""
    (port,) = free_ports(1)
    arguments: list[str | Path] = [python(), *(part.format(port=port) for part in command)]
    environ = surroundings(shop.folder, **shop.settings)
    server = Process("web", arguments, log=shop.folder / "log" / "web.log", cwd=shop.folder, environment=environ)
    each_anew = httpx.Limits(max_keepalive_connections=0)  # a server ends those that it has not heard of for a while
    web = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=web, timeout=60, trust_env=False, limits=each_anew) as client:

        async def answers() -> bool:
            try:
                return (await client.get("/nothing")).status_code == httpx.codes.NOT_FOUND
            except httpx.TransportError:
                return False

        try:
            await server.ready(answers, timeout_seconds=90)
            yield client
        finally:
            await server.stop()


async def _with_orders(shop: Shop, page: str) -> None:
    """Let the page's framework make its table."""
    if page == "django.md":
        await run(shop.folder, python(), "manage.py", "migrate", "--run-syncdb", **shop.settings)
    else:
        await shop.rows("CREATE TABLE orders (id integer PRIMARY KEY)")


@pytest.mark.parametrize("page", SERVERS)
async def test_a_web_application_hands_over_jobs(shop: Shop, page: str) -> None:
    """In a transaction, now, later and no more; an order that cannot be saved has no job."""
    write_shop(shop.folder, page, **OTHERS.get(page, {}))
    await _with_orders(shop, page)
    async with serving(shop, SERVERS[page]) as client:
        first, again = [(await client.post("/orders/17")).status_code for _ in range(2)]
        now = await client.post("/invoices/18")
        later = await client.post("/later/19")
        waiting = await shop.published("BILLING_LATER")
        cancelled = [(await client.delete("/later/19")).json() for _ in range(2)]

    assert (first, again) == (202, 500)
    assert (now.json(), later.json()) == ({"job": "invoice-18"}, {"job": "later-19"})
    assert await shop.outbox() == [("jobs.billing.charge", {"invoiceId": "order-17"}, {"Job-Id": "order-17"})]
    ((subject, body, headers),) = await shop.published()
    assert (subject, body, headers["Job-Id"]) == ("jobs.billing.charge", {"invoiceId": "18"}, "invoice-18")
    ((subject, body, headers),) = waiting
    assert (subject, body) == ("later.billing.charge.later-19", {"invoiceId": "19"})
    due = datetime.fromisoformat(headers["Nats-Schedule"].removeprefix("@at "))
    assert timedelta(hours=11, minutes=55) < due - datetime.now(UTC) <= timedelta(hours=12)
    assert cancelled == [{"cancelled": True}, {"cancelled": False}]
    assert await shop.published("BILLING_LATER") == []


@pytest.mark.parametrize("page", TESTS)
async def test_the_tests_of_a_guide_need_no_broker(shop: Shop, page: str) -> None:
    """They pass with a broker that is not there."""
    write_shop(shop.folder, page, **OTHERS.get(page, {}))
    await _with_orders(shop, page)
    nowhere = {**shop.settings, "NATS_URL": "nats://127.0.0.1:9"}
    said = await run(shop.folder, python(), *TESTS[page], **nowhere)
    assert "Ran 2 tests" in said or "2 passed" in said


async def test_a_management_command_hands_over_jobs(shop: Shop) -> None:
    """All of them, or none."""
    write_shop(shop.folder, "django.md", **DJANGO)
    said = await run(shop.folder, python(), "manage.py", "charge_all", "17", "18", **shop.settings)
    assert said == "2 jobs published\n"
    assert [body for _, body, _ in await shop.published()] == [{"invoiceId": "17"}, {"invoiceId": "18"}]


WORKED_OFF_TWICE = """
import asyncio, os
from shop.jobs import ChargeInvoice, charge_invoice
from nightshift.database import open_database
from nightshift.testing import perform_job

async def main():
    database = open_database(os.environ["DATABASE_URL"])
    for _ in range(2):
        invoice = ChargeInvoice(invoice_id="order-17")
        result = await perform_job(charge_invoice, invoice, database=database, job_id="order-17")
        print(result.outcome, result.exception or "")
    await database.close()

asyncio.run(main())
"""


async def test_a_handler_commits_in_djangos_transaction(shop: Shop) -> None:
    """By the worker's own pipeline, twice: effect, follow-up job and the row of the ledger are there once."""
    write_shop(shop.folder, "django.md", **DJANGO)
    await _with_orders(shop, "django.md")
    await shop.rows("INSERT INTO orders (id, charged) VALUES (17, false)")

    said = await run(
        shop.folder, python(), "-c", WORKED_OFF_TWICE, DJANGO_SETTINGS_MODULE="shop.settings", **shop.settings
    )

    assert said.split() == ["done", "duplicate"]
    assert await shop.rows("SELECT id, charged FROM orders") == [(17, True)]
    assert [(subject, body) for subject, body, _ in await shop.outbox()] == [
        ("jobs.billing.receipt", {"invoiceId": "order-17"})
    ]
    assert await shop.rows("SELECT type, id, attempt FROM nightshift.processed_messages") == [
        ("billing.charge", "order-17", 1)
    ]


async def test_a_worker_does_what_django_hands_over(postgres: PostgresServer, tmp_path: Path) -> None:
    """Provisioned and started as the page says it, beside tables and a history of others: job and follow-up."""
    commands = re.findall(r"^nightshift (\w+) (shop\.jobs)", (FOLDER / "django.md").read_text(), re.MULTILINE)
    assert commands == [("provision", "shop.jobs"), ("worker", "shop.jobs")]
    provision, work = [("-m", "nightshift.cli", *command) for command in commands]
    async with running(Broker(tmp_path / "broker")) as broker, postgres_database(postgres.url) as url:
        shop = Shop(write_shop(tmp_path / "shop", "django.md", **DJANGO), url, broker.url)
        await shop.rows("CREATE TABLE users (id integer PRIMARY KEY)")
        await shop.rows("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        await shop.rows("INSERT INTO alembic_version VALUES ('theirs')")
        await _with_orders(shop, "django.md")
        (health,) = free_ports(1)
        settings = shop.settings | {"DJANGO_SETTINGS_MODULE": "shop.settings", "HEALTH_PORT": str(health)}
        await run(shop.folder, python(), *provision, **settings)
        worker = Process(
            "worker",
            [python(), *work],
            log=shop.folder / "log" / "worker.log",
            cwd=shop.folder,
            environment=surroundings(shop.folder, **settings),
        )
        try:
            async with serving(shop, SERVERS["django.md"]) as client:
                await client.post("/orders/17")
            done = "SELECT type FROM nightshift.processed_messages ORDER BY type"
            wanted = [("billing.charge",), ("billing.receipt",)]
            await eventually(lambda: _are(shop, done, wanted), what="job and follow-up are done")
        finally:
            await worker.stop()
        assert await shop.rows("SELECT id, charged FROM orders") == [(17, True)]
        assert await shop.rows("SELECT version_num FROM alembic_version") == [("theirs",)]


async def _are(shop: Shop, query: str, rows: list[tuple[Any, ...]]) -> bool:
    return await shop.rows(query) == rows


async def test_a_script_hands_over_jobs(shop: Shop) -> None:
    """Now, later and no more, many at once; and one in a transaction, or not at all."""
    write_shop(shop.folder, "script.md")
    await _with_orders(shop, "script.md")

    said = await run(shop.folder, python(), "charge.py", **shop.settings)
    await run(shop.folder, python(), "order.py", **shop.settings)
    with pytest.raises(AssertionError, match="orders_pkey"):
        await run(shop.folder, python(), "order.py", **shop.settings)

    assert said == "stored in BILLING as number 1\ncancelled\n"
    assert [body["invoiceId"] for _, body, _ in await shop.published()] == ["17", "20", "21", "22", "23", "24"]
    assert await shop.outbox() == [("jobs.billing.charge", {"invoiceId": "order-17"}, {"Job-Id": "order-17"})]
    assert "1 passed" in await run(
        shop.folder, python(), "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_charge.py"
    )


async def test_plain_nats_hands_over_jobs_in_six_lines(shop: Shop) -> None:
    """Stored once under its id; one for later can be taken back."""
    write_shop(shop.folder, "other-clients.md")
    for name in ("publish.py", "later.py"):
        file = shop.folder / name
        file.write_text(file.read_text().replace("nats://127.0.0.1:4222", shop.broker))
    lines = [line for line in files_of("other-clients.md")["publish.py"].splitlines() if line]

    for _ in range(2):
        await run(shop.folder, python(), "publish.py")
    await run(shop.folder, python(), "later.py")

    assert len(lines) == 6
    first, second = await shop.published()
    assert first == second == ("jobs.billing.charge", {"invoiceId": "17"}, {"Job-Id": "invoice-17"})
    assert await shop.published("BILLING_LATER") == []


async def test_node_hands_over_jobs(shop: Shop) -> None:
    """By the official client; its own test runner needs no broker."""
    packages = installed(RECIPES)
    node = shutil.which("node")
    assert node
    folder = packages / f"guide-{uuid4().hex[:8]}"
    folder.mkdir()
    try:
        write_shop(folder, "other-clients.md")
        said = await run(folder, node, "publish.mjs", NATS_URL=shop.broker)
        tested = await run(folder, node, "--test", "publish.test.mjs")
    finally:
        shutil.rmtree(folder)

    assert "seq: 1" in said
    assert said.endswith("true\n")
    assert "# pass 1" in tested or "pass 1" in tested
    ((subject, body, headers),) = await shop.published()
    assert (subject, body, headers["Job-Id"]) == ("jobs.billing.charge", {"invoiceId": "17"}, "invoice-17")
    assert await shop.published("BILLING_LATER") == []


def test_every_page_and_every_file_of_a_guide_is_tried() -> None:
    """By a test of this folder."""
    here = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    pages = sorted(page.name for page in FOLDER.glob("*.md"))
    assert [page for page in pages if page not in here and page != "README.md"] == []
    blocks = {page: (FOLDER / page).read_text(encoding="utf-8").count("```python\n") for page in pages}
    named = {page: sum(not name.endswith("js") for name in files_of(page)) for page in pages}
    assert blocks == named

"""The page on webhooks, as it stands there, on the embedded stack: a signed request becomes a row."""

import asyncio
import json
import os
import re
import sqlite3
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.harness import eventually
from tests.repository import ROOT

PAGE = ROOT / "docs" / "own-jobs" / "webhooks.md"
BILLING = '''

from nightshift import Service


class PrintInvoice(Message):
    """Print an invoice."""

    SUBJECT = "jobs.billing.print"
    invoice_id: str


billing = Service("billing")


@billing.handler
async def print_invoice(message: PrintInvoice, job: Job) -> None:
    """Print it."""
    job.result = {"printed": message.invoice_id}
'''
PAID = {
    "id": "evt_1",
    "type": "invoice.paid",
    "created": 1_790_000_000,
    "data": {"object": {"id": "in_17", "amount_paid": 1999}},
}


@dataclass(frozen=True)
class Shop:
    """The project of the page, running."""

    folder: Path
    said: str

    async def typed(self, *command: str) -> str:
        """Run a command in another terminal; return what it printed."""
        process = await create_subprocess_exec(
            *nightshift(*command), cwd=self.folder, env=environ(), stdout=PIPE, stderr=STDOUT
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    def done(self) -> int:
        """How many events are done, each time that they are."""
        with sqlite3.connect(self.folder / "var" / "up" / "nightshift.db") as database:
            query = "SELECT count(*) FROM processed_messages WHERE type = 'webhook.received' AND outcome IS NULL"
            return int(database.execute(query).fetchone()[0])

    def payments(self) -> list[tuple[str, int]]:
        """What is recorded."""
        with sqlite3.connect(self.folder / "var" / "up" / "nightshift.db") as database:
            return database.execute("SELECT invoice, cents FROM payments").fetchall()


def nightshift(*command: str) -> tuple[str, ...]:
    """The command line."""
    return (sys.executable, "-P", "-m", "nightshift.cli", *command)


def environ() -> dict[str, str]:
    """A shell without settings of ours."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Every file of the page, and a service beside; `nightshift up shop.jobs` runs."""
    folder = tmp_path_factory.mktemp("shop")
    files = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    assert {"shop/jobs.py", "webhooks.toml", "embedded.env"} <= files.keys()
    files["shop/jobs.py"] += BILLING
    for path, text in ({"shop/__init__.py": ""} | files).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    process = await create_subprocess_exec(
        *nightshift("up", "shop.jobs", "--no-reload"), cwd=folder, env=environ(), stdout=PIPE, stderr=STDOUT
    )
    try:
        assert process.stdout is not None
        said = ""
        async with asyncio.timeout(90):
            while "Everything is ready" not in said:
                line = await process.stdout.readline()
                assert line, said
                said += line.decode()
        yield Shop(folder, said)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_a_signed_request_is_worked_off_once(shop: Shop) -> None:
    """The provider sends it twice; one that is not signed so is refused."""
    (shop.folder / "paid.json").write_text(json.dumps(PAID), encoding="utf-8")
    for _ in range(2):
        assert "answered 200" in await shop.typed("webhooks", "send", "stripe", "paid.json")
    await eventually(lambda: shop.payments() == [("in_17", 1999)], what="the payment is recorded")
    (address,) = re.findall(r"gateway +(http://\S+) +description", shop.said)
    async with httpx.AsyncClient(base_url=address, trust_env=False) as stranger:
        assert (await stranger.post("/webhooks/stripe", json=PAID)).status_code == httpx.codes.UNAUTHORIZED


async def test_a_job_comes_in_over_http_with_the_printed_key(shop: Shop) -> None:
    """Its contract is checked, its end is told, and its type is described."""
    (address,) = re.findall(r"gateway +(http://\S+) +description", shop.said)
    (key,) = re.findall(r"API key +(\S+)", shop.said)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60) as client:
        wrong = await client.post("/v1/jobs/billing.print", json={"invoice": 17})
        done = await client.post("/v1/jobs/billing.print", json={"invoiceId": "17"}, headers={"Prefer": "wait=30"})
        internal = await client.post("/v1/jobs/webhook.received", json={})
        described = (await client.get("/openapi.json")).json()
    assert (wrong.status_code, internal.status_code) == (422, 404)
    assert (done.status_code, done.json()["state"]["result"]) == (200, {"printed": "17"}), done.text
    assert "/v1/jobs/billing.print" in described["paths"]


async def test_a_key_is_made_listed_and_revoked(shop: Shop) -> None:
    """In the library's own table: the application has none."""
    made = json.loads(await shop.typed("keys", "create", "webshop", "--scope", "jobs:write:billing.*", "--json"))
    assert "webshop" in await shop.typed("keys", "list")
    await shop.typed("keys", "revoke", made["id"], "--yes")
    assert "revoked" in await shop.typed("keys", "list")


async def test_what_became_of_events_is_listed_shown_and_done_again(shop: Shop) -> None:
    """One that was handled, one that its handler cannot read; a replay runs the handler again, as another job."""
    for name, event_type, invoice in (
        ("evt_2", "invoice.sent", {"id": "in_18"}),
        ("evt_3", "invoice.paid", {"id": 17}),
    ):
        event = PAID | {"id": name, "type": event_type, "data": {"object": invoice}}
        (shop.folder / f"{name}.json").write_text(json.dumps(event), encoding="utf-8")
        await shop.typed("webhooks", "send", "stripe", f"{name}.json")

    async def outcomes() -> dict[str, str]:
        listed = json.loads(await shop.typed("webhooks", "list", "--json"))
        return {row["eventId"]: row["outcome"] for row in listed}

    async def both() -> bool:
        return {"evt_2": "done", "evt_3": "dead"}.items() <= (await outcomes()).items()

    await eventually(both, what="both are listed", timeout_seconds=30)
    (dead,) = json.loads(await shop.typed("webhooks", "list", "--outcome", "dead", "--json"))
    assert "data.object" in dead["reason"]
    assert '"in_18"' in await shop.typed("webhooks", "show", "stripe/evt_2")
    before = shop.done()
    assert "1 event replayed" in await shop.typed("webhooks", "replay", "stripe/evt_2", "--yes")
    await eventually(lambda: shop.done() == before + 1, what="its handler has run again")


async def test_the_console_is_there_and_its_link_signs_in_once(shop: Shop) -> None:
    """It shows the module's queues; the next link is asked for."""
    (link,) = re.findall(r"console +(http://\S+sign-in\S+)", shop.said)
    assert {"billing", "webhook"} <= await signed_in(link)
    assert await signed_in(link) == set()
    again = (await shop.typed("console", "link")).strip()
    assert "billing" in await signed_in(again)


async def signed_in(link: str) -> set[str]:
    """Open a link in a browser of its own and press the button; return the queues that are seen then."""
    root, _, secret = link.partition("/sign-in?link=")
    async with httpx.AsyncClient(base_url=root, trust_env=False, follow_redirects=True) as browser:
        form = {"link": secret, "next": ""}
        page = await browser.post("/sign-in/link", data=form, headers={"Origin": root, "Sec-Fetch-Site": "same-origin"})
    return set(re.findall(r'href="/queues/([a-z]+)"', page.text))

"""`nightshift contracts shop.jobs`: documents for whoever publishes, and what would break their programs."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from pathlib import Path

import jsonschema
import pytest

from tests.node.installed import installed
from tests.repository import ROOT

MODULE = '''"""Jobs of a shop."""

from typing import Annotated

from msgspec import Meta

from nightshift import Job, Message, Retries, Service


class ChargeInvoice(Message):
    """Charge an invoice."""

    SUBJECT = "jobs.billing.charge"
    invoice_id: Annotated[str, Meta(max_length=20)]
    cents: int = 0


class SendEmail(Message):
    SUBJECT = "jobs.email.send"
    to: str


billing = Service("billing", publishes=[SendEmail])


@billing.handler(retries=Retries(most=3))
async def charge(message: ChargeInvoice, job: Job) -> None: ...
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one module."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "jobs.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


async def contracts(folder: Path, *arguments: str) -> tuple[int | None, str]:
    """Run the command there."""
    # Compiled code is kept by second and size, and a test changes a module faster than that.
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "shared"), "PYTHONDONTWRITEBYTECODE": "1"}
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "nightshift.cli", "contracts", "shop.jobs", *arguments),
        cwd=folder,
        env=environ,
        stdout=PIPE,
        stderr=STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


def change(folder: Path, old: str, new: str) -> None:
    """Change the module."""
    file = folder / "shop" / "jobs.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


async def test_it_writes_schemas_asyncapi_and_typescript(shop: Path) -> None:
    """Of its own messages, and of those of others that it publishes; the handler's policy is said."""
    code, output = await contracts(shop)
    assert (code, output.splitlines()) == (
        0,
        [
            f"contracts/{name} written"
            for name in (
                "asyncapi.json",
                "messages.d.ts",
                "schemas/jobs.billing.charge.json",
                "schemas/jobs.email.send.json",
            )
        ],
    )
    schema = json.loads((shop / "contracts" / "schemas" / "jobs.billing.charge.json").read_text(encoding="utf-8"))
    assert jsonschema.Draft202012Validator(schema).is_valid({"invoiceId": "17", "cents": 1})
    assert not jsonschema.Draft202012Validator(schema).is_valid({"invoiceId": "1" * 21})
    assert "at most 3 attempts" in schema["description"]
    document = json.loads((shop / "contracts" / "asyncapi.json").read_text(encoding="utf-8"))
    assert sorted(document["operations"]) == [
        "billing.enqueues.billing.charge",
        "billing.enqueues.email.send",
        "billing.works.billing.charge",
    ]
    types = (shop / "contracts" / "messages.d.ts").read_text(encoding="utf-8")
    assert "export interface ChargeInvoice {" in types
    assert '"billing.charge": ChargeInvoice;' in types
    assert await contracts(shop, "--check") == (0, "")


async def test_typescript_and_asyncapi_are_accepted_by_their_own_tools(shop: Path) -> None:
    """By the compiler and the parser that the shipped contracts are held against."""
    node = installed()
    await contracts(shop)
    options = ["--noEmit", "--strict", "--skipLibCheck", "false"]
    for command in (
        ["node_modules/typescript/bin/tsc", *options, str(shop / "contracts" / "messages.d.ts")],
        ["asyncapi.mjs", str(shop / "contracts" / "asyncapi.json")],
    ):
        process = await create_subprocess_exec("node", *command, cwd=node, stdout=PIPE, stderr=STDOUT)
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
    *diagnostics, summary = map(json.loads, output.decode().splitlines())
    assert (diagnostics, summary["channels"], summary["operations"]) == ([], 2, 3)


async def test_a_change_that_breaks_the_last_release_is_told(shop: Path) -> None:
    """Subject, field, release, and what to do instead; nothing is written over. A new field is no break."""
    code, output = await contracts(shop, "--release", "1.0.0")
    assert (code, "release 1.0.0 is kept in contracts/released/1.0.0" in output) == (0, True), output
    change(shop, "cents: int = 0", "cents: int = 0\n    note: str = ''")
    assert (await contracts(shop))[0] == 0
    change(shop, "max_length=20", "max_length=10")
    code, output = await contracts(shop)
    assert code == 1
    assert "this breaks release 1.0.0" in output
    assert "jobs.billing.charge: $.invoiceId: limit tightened: longest length was 20, is 10, since 1.0.0." in output
    assert "a new class with the subject jobs.billing.charge.v2" in output


async def test_a_message_that_is_gone_breaks_it(shop: Path) -> None:
    """Somebody publishes it."""
    await contracts(shop, "--release", "1.0.0")
    change(shop, '"jobs.billing.charge"', '"jobs.billing.pay"')
    code, output = await contracts(shop)
    assert (code, "jobs.billing.charge: the message is gone, since 1.0.0" in output) == (1, True), output


async def test_what_is_not_up_to_date_is_named(shop: Path) -> None:
    """By `--check`, for CI, with exit code 1."""
    await contracts(shop)
    change(shop, "cents: int = 0", "cents: int = 0\n    note: str = ''")
    code, output = await contracts(shop, "--check")
    assert (code, "not up to date: contracts/asyncapi.json, contracts/messages.d.ts" in output) == (1, True), output


async def test_a_release_is_not_changed(shop: Path) -> None:
    """And its name is a version."""
    await contracts(shop, "--release", "1.0.0")
    code, output = await contracts(shop, "--release", "1.0.0")
    assert (code, "exists already: a release is not changed" in output) == (2, True), output
    code, output = await contracts(shop, "--release", "../x")
    assert (code, "is no version" in output) == (2, True), output

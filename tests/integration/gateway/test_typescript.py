"""A client in TypeScript, with types made from the gateway's description: compiled strictly, run against a gateway."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.integration.gateway.harness import Gateway
from tests.node.installed import installed
from tests.repository import ROOT

STRICT = ("--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
LIBRARIES = ("--lib", "es2023,dom,dom.iterable", "--skipLibCheck")


async def run(folder: Path, *command: str) -> str:
    """Run Node in a folder; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        "node", *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program, beside what it imports."""
    programs, folder = installed(), tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(programs / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(programs / "gateway.ts", folder)
    document = str(ROOT / "contracts" / "openapi.json")
    await run(folder, "node_modules/openapi-typescript/bin/cli.js", document, "-o", "gateway-api.ts")
    await run(folder, "node_modules/typescript/bin/tsc", *STRICT, *LIBRARIES, "gateway.ts")
    return folder / "gateway.js"


async def test_a_typed_client_compiles_and_does_its_work(client: Path, door: Gateway) -> None:
    """A job, once under one key; its state; a pointer to a wrong field; a file. What is wrong does not compile."""
    headers = await door.key("jobs:write", "jobs:read", "files:write", "files:read", user="ada")
    key = headers["Authorization"].removeprefix("Bearer ")

    said = json.loads(await run(client.parent, client.name, door.url, key))

    assert (said["job"]["id"], said["job"]["type"]) == ("user:ada:from-typescript", "email.send")
    assert (said["again"]["id"], said["again"]["duplicate"]) == (said["job"]["id"], True)
    assert said["state"] == "queued"
    assert said["pointers"] == ["/to"]
    assert (said["file"]["name"], said["file"]["size"], said["file"]["status"]) == ("numbers.csv", 8, "uploaded")

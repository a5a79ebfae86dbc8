"""A client in Python that is generated from the gateway's description, in an environment without anything of ours."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.gateway.harness import Gateway
from tests.python_client.installed import FOLDER, installed
from tests.repository import ROOT


async def run(python: Path, *arguments: str | Path, folder: Path) -> str:
    """Run Python in a folder; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        python, *map(str, arguments), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, (output + errors).decode()
    return output.decode()


@pytest.fixture(scope="module")
async def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the generated package; its name and place are the generator's choice."""
    folder = tmp_path_factory.mktemp("python")
    generator = ("-m", "openapi_python_client", "generate", "--meta", "none", "--output-path")
    name = "nightshift_gateway_client"
    await run(installed(), *generator, name, "--path", ROOT / "contracts" / "openapi.json", folder=folder)
    return folder


async def test_a_generated_client_does_its_work(generated: Path, door: Gateway) -> None:
    """A job, once under one key; its state; a batch; a pointer to a wrong field; a file by a form."""
    headers = await door.key("jobs:write", "jobs:read", "files:write", "files:read", user="bob")
    key = headers["Authorization"].removeprefix("Bearer ")
    (generated / "program.py").write_text((FOLDER / "program.py").read_text())

    said = json.loads(await run(installed(), "program.py", door.url, key, folder=generated))

    assert (said["job"]["id"], said["job"]["type"]) == ("user:bob:from-python", "email.send")
    assert (said["again"]["id"], said["again"]["duplicate"]) == (said["job"]["id"], True)
    assert (said["state"], said["batch"]) == ("queued", 2)
    assert said["pointers"] == ["/to"]
    assert (said["file"]["name"], said["file"]["size"], said["file"]["status"]) == ("numbers.csv", 8, "uploaded")

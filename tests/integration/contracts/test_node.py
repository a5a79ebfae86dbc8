"""Another language, with its own official tools: publishes, reads, validates and compiles by the contracts alone."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightshift.contract import wire
from nightshift.embedded.stack import Stack
from tests.harness import eventually
from tests.integration.contracts.conftest import Running
from tests.integration.contracts.states import arrange
from tests.node.installed import FOLDER, installed
from tools.contracts import samples
from tools.contracts.generate import FOLDER as CONTRACTS


@pytest.fixture(scope="module")
def node() -> Path:
    """The folder of the programs; skips, or fails in CI, where there is no Node."""
    return installed()


def _lines(node: Path, *command: str) -> list[dict[str, Any]]:
    done = subprocess.run(["node", *command], cwd=node, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603, S607 - our own programs
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_asyncapi_document_passes_the_official_parser(node: Path) -> None:
    """Not one error or warning, and it reads as many channels and operations as were written."""
    *diagnostics, summary = _lines(node, "asyncapi.mjs", str(CONTRACTS / "asyncapi.yaml"))
    assert diagnostics == []
    written = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert summary["channels"] == len(written["channels"])
    assert summary["operations"] == len(written["operations"])
    assert summary["messages"] == len(written["components"]["messages"])


def test_a_broken_document_does_not_pass(node: Path, tmp_path: Path) -> None:
    """The parser that is asked does look."""
    document = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text(encoding="utf-8"))
    document["operations"]["email.receive.jobs.email.send"]["action"] = "devour"
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(document))
    assert any(line.get("severity") == 0 for line in _lines(node, "asyncapi.mjs", str(tmp_path / "broken.yaml")))


def test_the_schemas_mean_the_same_to_ajv(node: Path) -> None:
    """Every sample is judged as the decoder judges it, patterns and formats in ECMAScript's dialect included."""
    *problems, summary = _lines(node, "schemas.mjs", str(CONTRACTS))
    assert problems == []
    readable = [one for one in samples.read() if one.valid or one.reason]
    assert summary["judged"] == len(readable)


def test_the_typescript_definitions_compile_and_refuse_what_is_wrong(node: Path) -> None:
    """A producer that is right compiles; each wrong one of `producer.ts` is an error."""
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    command = ["node_modules/typescript/bin/tsc", *options, "--skipLibCheck", "false", str(FOLDER / "producer.ts")]
    done = subprocess.run(["node", *command], cwd=node, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603, S607 - the compiler
    assert done.returncode == 0, done.stdout


@asynccontextmanager
async def _talking(node: Path, url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    process = await asyncio.create_subprocess_exec(
        *("node", "talk.mjs", url, str(CONTRACTS)),
        cwd=node,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = await process.stdout.readline()
        yield process, json.loads(first)["published"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_what_node_publishes_is_done_and_what_services_publish_it_understands(
    node: Path, running: Running, provisioned: Stack
) -> None:
    """Every valid sample is done, mails and files appear, every other is a dead letter, and all of it validates."""
    async with (
        running("email") as world,
        running("upload"),
        running("report"),
        running("sync") as syncing,
        running("maintenance"),
        running("webhook"),
        _talking_soon(node, provisioned, world, syncing) as (process, published),
    ):
        valid = {one for one in published if "-valid-" in one}
        invalid = set(published) - valid

        async def settled() -> bool:
            done = {job_id for _, job_id in await world.done()}
            dead = {one.headers.get(wire.JOB_ID) for one in world.recorder.on("dead.")}
            return valid <= done and invalid <= dead

        await eventually(settled, what="every sample is done or dead", timeout_seconds=60)
        output, _ = await asyncio.wait_for(process.communicate(b""), 30)  # which ends its input
        summary = json.loads(output.splitlines()[-1])
        assert summary["problems"] == []
        assert summary["checked"]["dead"] >= len(invalid)
        assert summary["checked"]["jobs"] > len(published), "follow-up jobs of services as well"
        recipients = b"".join(path.read_bytes() for path in provisioned.mail.messages())
        assert b"ada@example.com" in recipients
        assert [one.key async for one in world.objects.list("thumbnails/")]


@asynccontextmanager
async def _talking_soon(
    node: Path, provisioned: Stack, world: Any, syncing: Any
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """First what the samples need, then Node."""
    known = [one for one in samples.read() if one.subject.startswith(wire.JOBS)]
    await arrange(known, world.database, world.objects, syncing.outside)
    async with _talking(node, provisioned.broker.url) as talk:
        yield talk


def test_the_lock_file_names_no_registry() -> None:
    """Whoever installs uses their own."""
    text = (FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert "registry" not in text.replace("finalizationregistry", "")


def test_without_node_it_is_skipped_or_fails_where_it_must_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipped on a machine of one's own, failed in continuous integration; both say why."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="node is not on this machine"):
        installed()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="need Node 20 or later"):
        installed()

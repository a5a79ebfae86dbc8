"""The sources of a running gateway: read anew when their file or a secret's changes; and `--check`."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nightshift.config.env_settings import SettingsError
from nightshift.gateway.webhooks.registry import SourceRegistry
from nightshift.heartbeat import Heartbeat
from nightshift.webhooks.scheme import Sample
from nightshift.webhooks.verdict import Verified
from tests.harness import cancelled, eventually
from tests.integration.gateway.webhooks.intake import request_of, write_sources

ONE = '[github]\nscheme = "github"\nsecrets = ["file:{folder}/github"]\n'


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[SourceRegistry]:
    """Return a registry that looks at its file all the time."""
    registry = SourceRegistry(path, {}, look_seconds=0.02)
    task = asyncio.create_task(registry.watch(Heartbeat()))
    yield registry
    assert not task.done()
    await cancelled(task)


def verifies(registry: SourceRegistry, signer: SourceRegistry) -> bool:
    """Return whether one has a secret that the other signs with."""
    source, other = registry.find("github"), signer.find("github")
    assert source is not None
    assert other is not None
    request = request_of(b"{}", other.scheme.sign(Sample(b"{}"), 0))
    return isinstance(source.scheme.verify(request, 0), Verified)


async def test_a_rotated_secret_counts_without_a_restart(tmp_path: Path) -> None:
    """The file of sources is the same; that of the secret has changed."""
    path = write_sources(tmp_path, ONE)
    async with watching(path) as registry:
        (tmp_path / "github").write_text("another-secret\n")
        signer = SourceRegistry(path, {})
        await eventually(lambda: verifies(registry, signer))


async def test_a_source_comes_and_goes_with_the_file(tmp_path: Path) -> None:
    """Without a restart."""
    path = write_sources(tmp_path, ONE)
    async with watching(path) as registry:
        write_sources(tmp_path, ONE.replace("[github]", "[hub]"))
        await eventually(lambda: registry.find("hub"))
        assert registry.find("github") is None


async def test_a_file_that_became_wrong_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever saved half of it does not lock the providers out."""
    path = write_sources(tmp_path, ONE)
    async with watching(path) as registry:
        path.write_text("[github]\nscheme = 'none'\n")
        await eventually(lambda: any("'none' would let everybody in" in line for line in caplog.messages))
        await asyncio.sleep(0.2)
        assert sum("'none' would let everybody in" in line for line in caplog.messages) == 1
        assert registry.find("github") is not None
        write_sources(tmp_path, ONE.replace("[github]", "[hub]"))
        await eventually(lambda: registry.find("hub"))


def test_a_wrong_file_does_not_start(tmp_path: Path) -> None:
    """All that is wrong with it is in the error."""
    path = write_sources(tmp_path, "[a]\n[b]\nscheme = 'x'\n")
    with pytest.raises(SettingsError) as wrong:
        SourceRegistry(path, {})
    assert len(wrong.value.problems) == 2


def test_without_a_file_there_is_no_source() -> None:
    """The gateway does without webhooks."""
    assert SourceRegistry(None, {}).sources == {}


@pytest.mark.parametrize("good", [True, False])
def test_check_says_what_is_wrong_in_one_line_each(tmp_path: Path, *, good: bool) -> None:
    """`python -m services.gateway --check` ends with 0 or 2, and shows no secret."""
    path = write_sources(tmp_path, ONE if good else ONE + "[shop]\nscheme = 'stripe'\nsecrets = ['env:SHOP']\n")
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
        "GATEWAY_WEBHOOKS": str(path),
        "SHOP": "sk_live_0123456789",
        "PYTHONPATH": ":".join(sys.path),
    }
    command = [sys.executable, "-m", "services.gateway", "--check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own program
    if good:
        assert (done.returncode, done.stderr) == (0, "")
        assert "github (github)" in done.stdout
    else:
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"{path}: shop.secrets: env:SHOP begins with 'sk_': that is an API key")
        assert "0123456789" not in line

"""Images are pinned by what was pulled, and stay that when a tag is moved: `deploy/digests.sh`, and a real registry."""

import io
import json
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.embedded.processes.ports import free_ports
from tests.compose.conftest import Eventually
from tests.compose.project import ROOT, run
from tests.servers import absent

_CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_COMPOSE = """
name: {name}
services:
  nats: {{image: "{image}", command: [none]}}
  email: {{image: "nightshift-of-nobody:{name}", build: .}}
"""


@pytest.fixture(scope="module")
def registry(_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of images on loopback; its host and port."""
    program = shutil.which("docker-registry")
    if program is None:
        absent("docker-registry is missing: apt-get install docker-registry")
    folder, (port,) = tmp_path_factory.mktemp("registry"), free_ports(1)
    (folder / "config.yml").write_text(_CONFIG.format(folder=folder / "images", port=port), encoding="utf-8")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)  # noqa: S603 - found on PATH
        try:
            yield f"localhost:{port}"
        finally:
            process.terminate()
            process.wait(10)


class Publisher:
    """Somebody who publishes an image under a tag, and may move it."""

    def __init__(self, image: str) -> None:
        self.image = image

    def publish(self, text: str) -> str:
        """Publish an image that holds this text; return its id."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("text")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        command = ["docker", "import", "-", self.image]
        done = subprocess.run(command, input=archive.getvalue(), capture_output=True, check=True)  # noqa: S603 - our own
        run(["docker", "push", "--quiet", self.image])
        return done.stdout.decode().strip()

    def forget(self) -> None:
        """Remove what this machine has of it."""
        for one in run(["docker", "image", "ls", "--quiet", self.image.rpartition(":")[0]]).split():
            run(["docker", "image", "rm", "--force", one])


@pytest.fixture
def publisher(registry: str, eventually: Eventually) -> Iterator[Publisher]:
    """Of an image that the registry does not have yet."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{registry}/v2/", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    eventually(answers, "the registry answers")
    made = Publisher(f"{registry}/team/nats:2.15-alpine")
    yield made
    made.forget()


@pytest.fixture
def checkout(publisher: Publisher, tmp_path: Path) -> Iterator[Path]:
    """A checkout whose stack has an image of that registry, and one that is built here."""
    name = f"digests-{tmp_path.name.replace('_', '-')}".lower()[:60].rstrip("-")
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "digests.sh", tmp_path / "deploy")
    text = _COMPOSE.format(name=name, image=publisher.image)
    (tmp_path / "docker-compose.yml").write_text(text, encoding="utf-8")
    yield tmp_path
    compose(tmp_path, "down", pinned=False)


def compose(checkout: Path, *arguments: str, pinned: bool = True) -> str:
    """`docker compose …` in a checkout."""
    return run(["docker", "compose", *arguments], extra=environment(checkout, pinned=pinned))


def environment(checkout: Path, *, pinned: bool) -> dict[str, str]:
    """With the digests or without them."""
    files = ["docker-compose.yml", *(["docker-compose.digests.yml"] if pinned else [])]
    return {"COMPOSE_FILE": ":".join(str(checkout / file) for file in files)}


def digests(checkout: Path, *arguments: str, pinned: bool = False) -> str:
    """`deploy/digests.sh …` of a checkout."""
    command = ["sh", str(checkout / "deploy" / "digests.sh"), *arguments]
    return run(command, extra=environment(checkout, pinned=pinned))


def image_of_container(checkout: Path) -> str:
    """The id of the image that the stack's broker is made of."""
    compose(checkout, "create", "--quiet-pull", "nats")
    (container,) = compose(checkout, "ps", "--all", "--quiet", "nats").split()
    return str(json.loads(run(["docker", "inspect", container]))[0]["Image"])


def test_a_tag_that_is_moved_moves_nothing_that_is_pinned(checkout: Path, publisher: Publisher) -> None:
    """On a machine that has nothing yet, too; the tag stays readable beside the digest."""
    tried = publisher.publish("tried")
    digests(checkout)
    pinned = json.loads(compose(checkout, "config", "--format", "json"))["services"]
    assert pinned["nats"]["image"].startswith(f"{publisher.image}@sha256:")
    assert "@" not in pinned["email"]["image"]
    moved = publisher.publish("moved")
    publisher.forget()
    assert image_of_container(checkout) == tried != moved


def test_what_is_not_what_was_pulled_is_told(checkout: Path, publisher: Publisher) -> None:
    """With both digests; written anew it is true again, also where the file is in use already."""
    publisher.publish("tried")
    with pytest.raises(AssertionError, match=r"run deploy/digests\.sh"):
        digests(checkout, "--check")
    digests(checkout)
    before = (checkout / "docker-compose.digests.yml").read_text(encoding="utf-8")
    digests(checkout, "--check", pinned=True)
    publisher.publish("moved")
    compose(checkout, "pull", "--quiet", "nats", pinned=False)
    with pytest.raises(AssertionError, match=r"<\s+image: .*@sha256:(.|\n)*>\s+image: .*@sha256:"):
        digests(checkout, "--check", pinned=True)
    digests(checkout, pinned=True)
    digests(checkout, "--check")
    assert (checkout / "docker-compose.digests.yml").read_text(encoding="utf-8") != before


def test_without_anything_of_a_registry_nothing_is_written(checkout: Path) -> None:
    """It says what to do."""
    with pytest.raises(AssertionError, match="docker compose pull --ignore-buildable first"):
        digests(checkout)
    assert not (checkout / "docker-compose.digests.yml").exists()

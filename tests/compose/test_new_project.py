"""What `nightshift new-project` writes runs on a Docker Engine as it is: its image, its compose file, its job."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.cli.actions.new_project import files
from tests.compose.conftest import Eventually
from tests.compose.project import run
from tests.packaging.installed import build

OVERRIDE = """
services:
  nats: {ports: !reset []}
  mail: {ports: !reset []}
"""
"""Nobody else's ports are taken."""


class Shop:
    """The project, as its owner has it who runs `docker compose` there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, f"shop-{secrets.token_hex(4)}"
        for path, text in files("shop").items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        build(folder / "wheels")  # the library of this repository, and not of an index
        (folder / "override.yaml").write_text(OVERRIDE, encoding="utf-8")

    def compose(self, *arguments: str) -> str:
        """Run `docker compose …` there; return what it printed."""
        named = ("-p", self.name, "-f", str(self.folder / "compose.yaml"), "-f", str(self.folder / "override.yaml"))
        return run(["docker", "compose", "--ansi", "never", *named, *arguments], timeout_seconds=600)

    def nightshift(self, *arguments: str) -> str:
        """Run the command line in a container of the project, as the operator."""
        return self.compose("run", "--rm", "--no-deps", "-T", "provision", *arguments)


@pytest.fixture(scope="module")
def shop(_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """It is built and healthy."""
    project = Shop(tmp_path_factory.mktemp("shop"))
    try:
        project.compose("up", "-d", "--build", "--wait", "--quiet-pull")
        yield project
    except AssertionError:
        print(project.compose("logs", "--no-color", "--tail", "10"))  # noqa: T201 - why it did not come up
        raise
    finally:
        project.compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "5")


def test_its_job_is_done_on_postgresql_and_its_mail_arrives(shop: Shop, eventually: Eventually) -> None:
    """A row in its own table, once, and the follow-up's mail at the catcher."""
    sign_up = '{"email":"ada@example.com","name":"Ada"}'
    assert "done" in shop.nightshift("send", "shop.signup", sign_up, "--wait")
    rows = shop.compose("exec", "-T", "postgres", "psql", "-U", "nightshift", "-qAt", "-c", "SELECT name FROM signups")
    assert rows.split() == ["Ada"]

    def texts() -> list[str]:
        mails = shop.compose("exec", "-T", "mail", "wget", "-qO-", "http://127.0.0.1:1080/api/email")
        return [mail["text"].strip() for mail in json.loads(mails)]

    eventually(lambda: texts() == ["Hello Ada!"], "the mail is there")


def test_its_worker_may_do_what_its_jobs_need_and_nothing_else(shop: Shop) -> None:
    """In its own table it inserts; it cannot read who is there, and sees the credentials of nobody else."""
    query = (
        "SELECT grantee || ' ' || privilege_type FROM information_schema.role_table_grants WHERE table_name = 'signups'"
    )
    held = shop.compose("exec", "-T", "postgres", "psql", "-U", "nightshift", "-qAt", "-c", query).splitlines()
    assert [one for one in held if not one.startswith("nightshift ")] == ["nightshift_shop INSERT"]
    seen = shop.compose("exec", "-T", "worker", "ls", "/run/credentials").split()
    assert seen == ["database-url", "nats-password", "s3-access-key", "s3-secret-key"]


def test_its_schedule_is_announced(shop: Shop) -> None:
    """By the scheduler that runs there."""
    assert "shop.digest" in shop.nightshift("cron", "list")

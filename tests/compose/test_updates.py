"""Another release comes and goes under load, one replica after another: nothing is lost or done twice."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import ROOT, Project, run
from tests.repository import SERVICES

_MIGRATION = """from alembic import op
from sqlalchemy import Column, String

revision, down_revision = "9000", "{0}"


def upgrade() -> None:
    op.add_column("users", Column("nickname", String(80), nullable=True))
"""


def update(stack: Project, checkout: Path, *arguments: str, **extra: str) -> str:
    """`deploy/update.sh` of a checkout, on the stack of the tests."""
    files = f"{checkout}/docker-compose.yml:{ROOT}/tests/compose/override.yml"
    environment = stack.environment | {"COMPOSE_PROJECT_NAME": stack.name, "COMPOSE_FILE": files} | extra
    return run(["sh", f"{checkout}/deploy/update.sh", *arguments], timeout_seconds=800, extra=environment)


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """A checkout of a release that adds a column and a line to every image."""
    for folder in ("contracts", "schema", "services", "shared", "deploy", "tests/compose"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Dockerfile", "docker-compose.yml", ".dockerignore"):
        shutil.copy(ROOT / file, tmp_path / file)
    migrations = tmp_path / "schema" / "migrations"
    head = max(file.name[1:5] for file in migrations.glob("v*_*.py"))  # the stack's may be of an update before
    (migrations / "v9000_nickname.py").write_text(_MIGRATION.format(head), encoding="utf-8")
    return tmp_path


@contextmanager
def load(stack: Project, address: str) -> Iterator[Counter[str]]:
    """Mails are published meanwhile, again where the broker was just started anew; yields how many were accepted."""
    accepted, stop = Counter[str](), threading.Event()

    def publish() -> None:
        while not stop.wait(0.2):
            try:
                accepted["mails"] += work.publish(stack, "email.send", [work.mail(address)])
            except (OSError, AssertionError, ValueError):
                continue

    stack.password("producer")
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield accepted
    finally:
        stop.set()
        thread.join()


def columns(stack: Project) -> set[str]:
    """Of the table of users."""
    found = stack.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'users'")
    return {row["column_name"] for row in found}


def test_a_release_that_changes_a_table_comes_and_goes_under_load(
    stack: Project, next_release: Path, eventually: Eventually
) -> None:
    """Two replicas stay two; the release before works on the newer tables, where `provision` of it would refuse."""
    stack.up("--no-recreate", "--scale", "email=2")
    address, before = f"{uuid4()}@example.com", set(stack.containers("email"))
    letters = work.messages(stack, "EMAIL_DLQ")
    with load(stack, address) as accepted:
        update(stack, next_release, "email", "gateway")
        between = set(stack.containers("email"))
        assert "nickname" in columns(stack)
        update(stack, ROOT, "--back", "email", "gateway")
        after = set(stack.containers("email"))
    assert (len(between), len(after), before & between, between & after) == (2, 2, set(), set())
    assert "nickname" in columns(stack)
    to_them = f"recipients::text LIKE '%{address}%' AND sent_at IS NOT NULL"
    sent = f"SELECT job_id FROM email_deliveries WHERE {to_them}"  # noqa: S608 - as above
    eventually(lambda: len(stack.rows(sent)) == accepted["mails"], "every mail is sent, once")
    assert accepted["mails"] > 20
    assert work.messages(stack, "EMAIL_DLQ") == letters
    # The other checkout's files make broker and database anew, maybe amid a mail: at least once, with the same id.
    assert len({mail["headers"]["message-id"] for mail in stack.mails(address)}) == accepted["mails"]


def test_an_update_of_everything_under_load_loses_nothing(
    stack: Project, next_release: Path, eventually: Eventually
) -> None:
    """`make update`: no container of a service is the one before; mails, files and a synchronisation are done, once."""
    before = {service: set(stack.containers(service)) for service in SERVICES}
    letters = work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ", "SYNC_DLQ")
    address, owner, reader = f"{uuid4()}@example.com", work.linked_account(stack, "3"), work.user(stack)
    ids = work.upload(stack, reader, [work.PHOTOGRAPH] * 30)
    with load(stack, address) as accepted:
        work.publish(stack, "upload.process", [{"fileId": one, "userId": reader} for one in ids], id_field="fileId")
        work.publish(stack, "sync.external", [{"userId": owner, "service": "feed"}])
        update(stack, next_release)
    after = {service: set(stack.containers(service)) for service in SERVICES}
    assert {service: len(those) for service, those in after.items()} == {
        service: len(those) for service, those in before.items()
    }
    assert not [service for service in SERVICES if before[service] & after[service]]
    sent = f"SELECT job_id FROM email_deliveries WHERE recipients::text LIKE '%{address}%' AND sent_at IS NOT NULL"  # noqa: S608 - its own address
    eventually(lambda: len(stack.rows(sent)) == accepted["mails"], "every mail is sent, once", timeout_seconds=120)
    # The database may be made anew amid a mail: at least once, with the same Message-ID.
    assert len({mail["headers"]["message-id"] for mail in stack.mails(address)}) == accepted["mails"]
    done = f"SELECT id FROM files WHERE user_id = '{reader}' AND processed"  # noqa: S608 - its own id
    eventually(lambda: len(stack.rows(done)) == len(ids), "every file is processed", timeout_seconds=120)
    accounts = f"SELECT id FROM linked_accounts WHERE user_id = '{owner}'"  # noqa: S608 - its own id
    records = f"SELECT external_id FROM external_records WHERE account_id IN ({accounts})"  # noqa: S608 - as above
    eventually(lambda: len(stack.rows(records)) == 3, "the account is synchronised")
    assert work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ", "SYNC_DLQ") == letters


@pytest.mark.parametrize("wrong", [{"LOG_LEVEL": "loud"}, {"MAIL_FROM": "nobody"}], ids=["level", "sender"])
def test_a_wrong_setting_is_told_before_anything_is_stopped(stack: Project, wrong: dict[str, str]) -> None:
    """By its name; every container stays."""
    before = {service: stack.containers(service) for service in ("email", "gateway", "nats")}
    with pytest.raises(AssertionError, match=f"{next(iter(wrong))}(.|\n)*nothing was changed"):
        update(stack, ROOT, "email", "gateway", **wrong)
    assert {service: stack.containers(service) for service in before} == before

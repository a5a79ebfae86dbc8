"""A backup under load is of one moment, and brought back it goes on from there: nothing accepted before it is lost."""

import shutil
import threading
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import Project, run


def script(stack: Project, name: str, *arguments: str) -> str:
    """Runs `deploy/<name>.sh` on the stack of the tests."""
    files = "docker-compose.yml:tests/compose/override.yml"
    extra = stack.environment | {"COMPOSE_PROJECT_NAME": stack.name, "COMPOSE_FILE": files}
    return run(["sh", f"deploy/{name}.sh", *arguments], timeout_seconds=600, extra=extra)


class Load:
    """Mails are published until the end, also while producers are refused; knows which were accepted."""

    def __init__(self, stack: Project) -> None:
        self._stack, self._stop = stack, threading.Event()
        self.accepted: list[str] = []
        stack.password("producer")  # asked for while there is somebody to ask
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            to = f"{uuid4()}@example.com"
            try:
                work.publish(self._stack, "email.send", [work.mail(to)])
            except (OSError, AssertionError, ValueError):  # the broker stands still
                continue
            self.accepted.append(to)

    def end(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()


def sent(stack: Project) -> list[str]:
    """To whom a mail was sent, once for each job that did."""
    rows = stack.rows("SELECT recipients::text AS who FROM email_deliveries WHERE sent_at IS NOT NULL")
    return [row["who"] for row in rows]


class Saved(NamedTuple):
    """A backup, and what was accepted before it."""

    folder: Path
    mails: list[str]
    files: list[str]
    reader: str
    account_of: str
    password: str


@pytest.fixture(scope="module")
def saved(stack: Project, eventually: Eventually, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Made under load: mails, files and a synchronisation that commits as it begins; replicas stay as they are."""
    folder = tmp_path_factory.mktemp("backup")
    stack.up("--no-recreate", "--scale", "email=2")
    owner, reader = work.linked_account(stack, "3"), work.user(stack)
    ids = work.upload(stack, reader, [work.PHOTOGRAPH] * 8)
    password = stack.password("operator")
    load = Load(stack)
    try:
        eventually(lambda: len(load.accepted) > 20, "some mails are accepted")
        work.publish(stack, "upload.process", [{"fileId": one, "userId": reader} for one in ids])
        work.publish(stack, "sync.external", [{"userId": owner, "service": "feed"}])
        before = list(load.accepted)
        script(stack, "backup", str(folder))
        assert len(stack.containers("email")) == 2
        eventually(lambda: len(load.accepted) > len(before) + 5, "producers are taken again")
    finally:
        load.end()
    return Saved(folder, before, ids, reader, owner, password)


def test_a_backup_under_load_brings_back_all_that_was_accepted_before_it(
    stack: Project, eventually: Eventually, saved: Saved
) -> None:
    """Mails, files and a synchronisation are done, once; what came later is gone; passwords are those of then."""
    later = work.user(stack)
    script(stack, "restore", str(saved.folder), "--yes")
    stack.forget_passwords()
    assert stack.password("operator") == saved.password
    assert stack.rows(f"SELECT id FROM users WHERE id = '{later}'") == []  # noqa: S608 - its own id
    eventually(lambda: {to for to in saved.mails if to in str(sent(stack))} == {*saved.mails}, "every mail is sent")
    assert [len([who for who in sent(stack) if to in who]) for to in saved.mails] == [1] * len(saved.mails)
    done = f"SELECT id FROM files WHERE user_id = '{saved.reader}' AND processed"  # noqa: S608 - its own id
    eventually(lambda: len(stack.rows(done)) == len(saved.files), "every file is processed", timeout_seconds=90)
    accounts = f"SELECT id FROM linked_accounts WHERE user_id = '{saved.account_of}'"  # noqa: S608 - its own id
    records = f"SELECT external_id FROM external_records WHERE account_id IN ({accounts})"  # noqa: S608 - as above
    eventually(lambda: len(stack.rows(records)) == 3, "the account is synchronised")
    assert work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ", "SYNC_DLQ") == 0
    eventually(lambda: "wrong" not in stack.doctor(), "doctor finds nothing wrong")


def test_a_backup_that_is_damaged_is_refused_before_anything_is_stopped(
    stack: Project, saved: Saved, tmp_path: Path
) -> None:
    """The stack goes on as it was."""
    damaged = shutil.copytree(saved.folder, tmp_path / "damaged")
    before = stack.containers("email")
    with (damaged / "volumes" / "postgres.tar.gz").open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged")
    with pytest.raises(AssertionError, match=r"postgres\.tar\.gz: FAILED"):
        script(stack, "restore", str(damaged), "--yes")
    assert stack.containers("email") == before


def test_a_folder_without_a_backup_is_refused(stack: Project, tmp_path: Path) -> None:
    """In one line that says what to do."""
    with pytest.raises(AssertionError, match=r"holds no backup: make one with deploy/backup\.sh"):
        script(stack, "restore", str(tmp_path), "--yes")

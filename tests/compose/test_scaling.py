"""More replicas of a service, a new release of it, and its end: nothing is lost, nothing is done twice."""

import threading
from collections import Counter
from uuid import uuid4

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import Project


def test_four_replicas_share_the_work_each_job_exactly_once(stack: Project, eventually: Eventually) -> None:
    """`docker compose up --scale upload=4`: each did some, together all, none twice."""
    stack.up("--no-recreate", "--scale", "upload=4")
    replicas = set(stack.containers("upload"))
    assert len(replicas) == 4
    owner = work.user(stack)
    ids = work.upload(stack, owner, [work.PHOTOGRAPH] * 40)
    bodies = [{"fileId": file_id, "userId": owner} for file_id in ids]
    work.publish(stack, "upload.process", bodies, id_field="fileId")
    done = f"SELECT id FROM files WHERE user_id = '{owner}' AND processed"  # noqa: S608 - its own id
    eventually(lambda: len(stack.rows(done)) == len(ids), "all are processed", timeout_seconds=120)
    did = [job for job in stack.jobs("upload") if job["job_id"] in ids]
    assert Counter(job["job_id"] for job in did if job["outcome"] == "done") == Counter(ids)
    assert {job["container"] for job in did} == replicas
    stack.compose("up", "-d", "--no-recreate", "--scale", "upload=1")


def test_a_new_release_under_load_loses_nothing(stack: Project, eventually: Eventually) -> None:
    """`docker compose build && docker compose up -d --no-deps email` while mails are published: each arrives, once."""
    address = f"{uuid4()}@example.com"
    published, stop = Counter[str](), threading.Event()

    def load() -> None:
        while not stop.is_set():
            published["mails"] += work.publish(stack, "email.send", [work.mail(address)] * 10)

    (before,), revision = stack.containers("email"), uuid4().hex
    thread = threading.Thread(target=load)
    thread.start()
    try:
        stack.compose("build", extra={"REVISION": revision})
        stack.up("--no-deps", "email")
    finally:
        stop.set()
        thread.join()
    (after,) = stack.containers("email")
    assert after != before
    assert f"APP_VERSION={revision}" in stack.inspect(after)[0]["Config"]["Env"], "by which a deploy is seen"
    eventually(lambda: len(stack.mails(address)) >= published["mails"], "all are worked off")
    assert len(stack.mails(address)) == published["mails"] > 10


def test_stopping_finishes_what_is_in_hand(stack: Project, eventually: Eventually) -> None:
    """`docker compose stop`: the job that runs is finished, the process ends with 0, nothing comes again."""
    owner = work.linked_account(stack, "4")
    work.publish(stack, "sync.external", [{"userId": owner, "service": "feed"}], id_field="userId")
    account = f"SELECT id FROM linked_accounts WHERE user_id = '{owner}'"  # noqa: S608 - its own id
    with stack.cli() as cli:
        info = "$JS.API.CONSUMER.INFO.SYNC.sync"
        eventually(lambda: cli.req(info)["num_ack_pending"] == 1, "a worker has it in hand")
        (container,) = stack.containers("sync")
        try:
            stack.compose("stop", "sync")
            assert stack.inspect(container)[0]["State"]["ExitCode"] == 0
            assert len(stack.rows(f"SELECT external_id FROM external_records WHERE account_id IN ({account})")) == 3  # noqa: S608 - as above
            assert cli.req(info)["num_ack_pending"] == 0
            # What schedules and failing accounts have wait there is none of this.
            assert f"later.sync.external.{owner}" not in work.waiting(stack, "SYNC")
        finally:
            stack.up("--no-recreate", "sync")

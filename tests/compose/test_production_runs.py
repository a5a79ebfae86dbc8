"""The production stack at work on PostgreSQL, object store and mail server of somebody else: by docs/compose.md."""

import json
import urllib.request
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.api_keys import making
from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.outside import Outside, Production
from tests.compose.project import run
from tests.repository import SERVICES

_CONNECTED = {*SERVICES} - {"scheduler", "console"}
"""The scheduler needs no database, the console none before somebody looks."""


@pytest.fixture(scope="module")
def image(_engine: None) -> Iterator[str]:
    """The image of a release."""
    name = f"nightshift-release:{uuid4().hex[:8]}"
    run(["docker", "build", "--quiet", "--tag", name, "."], timeout_seconds=600)
    yield name
    run(["docker", "image", "rm", name])


@pytest.fixture(scope="module")
def outside(_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """The servers, which were there before."""
    folder = tmp_path_factory.mktemp("outside")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    servers = Outside(folder)
    try:
        servers.up()
        yield servers
    finally:
        servers.remove()


@pytest.fixture(scope="module")
def production(outside: Outside, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The whole stack, healthy."""
    stack = Production(outside, image, tmp_path_factory.mktemp("secrets"))
    stack.folder.chmod(0o755)
    try:
        stack.up()
        yield stack
    except AssertionError:
        print(stack.compose("logs", "--no-color", "--tail", "20"))  # noqa: T201 - why it did not come up
        raise
    finally:
        stack.remove()


def test_every_service_is_healthy_and_the_database_knows_each_by_its_role(
    production: Production, outside: Outside, eventually: Eventually
) -> None:
    """Over TLS; `provision` made the roles as an owner who is no superuser, and doctor finds nothing wrong."""
    containers = [json.loads(line) for line in production.compose("ps", "--format", "json").splitlines()]
    assert {one["Service"] for one in containers} == {*SERVICES, "nats"}
    assert {one["Health"] for one in containers} == {"healthy"}
    owner = "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'nightshift'"
    assert outside.rows(owner) == [{"rolsuper": False, "rolcreatedb": False}]
    connected = (
        "SELECT DISTINCT usename, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename ~ '^nightshift_'"
    )
    roles = {f"nightshift_{name}" for name in _CONNECTED}
    eventually(lambda: {row["usename"] for row in outside.rows(connected)} >= roles, "every service is connected")
    assert all(row["ssl"] for row in outside.rows(connected))
    eventually(lambda: "wrong" not in production.doctor(), "doctor finds nothing wrong")


def test_a_mail_is_sent_by_the_mail_server(production: Production, outside: Outside, eventually: Eventually) -> None:
    """Which lets in nobody without TLS, user and password."""
    address = f"{uuid4()}@example.com"
    work.publish(production, "email.send", [work.mail(address)] * 3)
    eventually(lambda: len(outside.mails(address)) == 3, "the mails arrive")
    (sender,) = {mail["from"][0]["address"] for mail in outside.mails(address)}
    assert sender == "hello@acme.example"


def test_a_file_is_taken_and_processed(production: Production, outside: Outside, eventually: Eventually) -> None:
    """By HTTP, into the bucket that `provision` made, with keys that reach their own folders alone."""
    owner = work.user(outside)
    key = json.loads(production.compose("run", "--rm", "-T", "--no-deps", "operator", *making("tests")))["key"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{production.gateway_port}/v1/files?filename=cat.jpg&userId={owner}",
        data=work.PHOTOGRAPH.read_bytes(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "image/jpeg"},
    )
    with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - on loopback
        file_id = json.load(answer)["file"]["id"]
    done = f"SELECT content_type, thumbnail_key FROM files WHERE id = '{file_id}' AND processed"  # noqa: S608 - its own id
    (row,) = eventually(lambda: outside.rows(done), "the file is processed")
    assert row["content_type"] == "image/jpeg"
    assert row["thumbnail_key"]


def test_a_report_and_a_cleanup_are_done(production: Production, outside: Outside, eventually: Eventually) -> None:
    """Object store, database and mail in one job; and what schedules call for."""
    report, address = uuid4().hex, f"{uuid4()}@example.com"
    row = {"id": report, "kind": "weekly-summary", "requester_email": address, "parameters": {}, "status": "pending"}
    outside.insert("reports", [row | {"created_at": work.ago()}])
    work.publish(production, "report.generate", [{"reportId": report}])
    eventually(lambda: outside.mails(address), "the mail about the report")
    production.compose("run", "--rm", "-T", "operator", "cron", "run", "cleanup.daily")
    kinds = "SELECT DISTINCT kind FROM cleanup_runs WHERE done"
    eventually(lambda: len(outside.rows(kinds)) == 5, "all five cleanups are done")
    with production.cli() as cli:
        assert cli.req("$JS.API.STREAM.INFO.REPORT_DLQ")["state"]["messages"] == 0


def test_a_new_password_of_the_owner_is_taken_from_its_file(production: Production, outside: Outside) -> None:
    """The file, then `docker compose up -d --wait --no-recreate`; before it `provision` could not come in."""
    outside.sql("ALTER ROLE nightshift PASSWORD 'another'")
    production.give("postgres/nightshift-password", "another")
    before = production.containers("email")
    production.up("--no-recreate")
    assert production.containers("email") == before
    assert "wrong" not in production.doctor()

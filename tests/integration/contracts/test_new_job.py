"""The five-minute guide of the README works: a new job is green at once but for the test that says what to fill in."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from nightshift.contract.wire import RESERVED_SERVICES
from nightshift.database import migrate, open_database, sqlite_url
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from tests.integration.gateway.harness import AWAY, new_key
from tools.contracts.samples import ROOT
from tools.new_job.deployment import add
from tools.new_job.names import InvalidNameError, names_of
from tools.new_job.scaffold import CannotBeMadeError, _with_access, scaffold

LEFT_OUT = shutil.ignore_patterns(".venv*", ".git", "var", "__pycache__", ".pytest_cache", ".hypothesis")
QUICK = (
    "tests/unit/services/email",
    "tests/unit/worker/test_router.py",
    "tests/contract",
    "tests/test_architecture.py",
)
TOUCHED = ("contracts/email.py", "services/email", "tests/unit/services/email/test_digest.py")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, in which the guide is followed."""
    target = tmp_path_factory.mktemp("clone") / "nightshift"
    shutil.copytree(ROOT, target, ignore=LEFT_OUT)
    return target


def _guide(language: str) -> list[str]:
    """The blocks of the guide, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    guide = text[text.index("## A job of your own") : text.index("## Layout")]
    return re.findall(rf"```{language}\n(.*?)```", guide, re.DOTALL)


def _run(tree: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-m", *command],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "shared")},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    return done.returncode, done.stdout + done.stderr


def _make(tree: Path) -> tuple[int, str]:
    """The first command of the guide, as the Makefile runs it."""
    (command, *_) = _guide("sh")
    match = re.fullmatch(r"make new-job NAME=(\S+)\n", command)
    assert match
    recipe = re.search(r"^new-job:.*\n\t@\$\(RUN\) -m (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    return _run(tree, *recipe[1].replace("$(NAME)", match[1]).replace('"', "").split())


def _lint(tree: Path) -> None:
    assert _run(tree, "ruff", "check", *TOUCHED) == (0, "All checks passed!\n")
    assert _run(tree, "ruff", "format", "--check", "--quiet", *TOUCHED) == (0, "")
    code, output = _run(tree, "mypy", *TOUCHED)
    assert code == 0, output


def test_a_new_job_is_green_but_for_the_test_that_says_what_to_fill_in(tree: Path) -> None:
    """Lint, types, import rules, contract tests: one test fails, and it names function, files and message."""
    code, output = _make(tree)
    assert code == 0, output
    assert "services/email/digest.py" in output
    _lint(tree)
    code, output = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", *QUICK)
    assert code == 1, output
    failed = re.findall(r"^FAILED (\S+)", output, re.MULTILINE)
    assert failed == ["tests/unit/services/email/test_digest.py::test_digest_email_is_filled_in"], output
    assert "fill in digest_email in services/email/digest.py, the fields of DigestEmail in contracts/email.py" in output


def test_a_job_that_was_filled_in_is_green_and_done_by_the_service(tree: Path) -> None:
    """With the code of the guide every test passes, and the service as a process does its samples."""
    handler, test = _guide("python")
    assert handler.startswith("# services/email/digest.py\n")
    (tree / "services/email/digest.py").write_text(handler.partition("\n")[2], encoding="utf-8")
    path = tree / "tests/unit/services/email/test_digest.py"
    text = path.read_text(encoding="utf-8")
    text = text[: text.index("async def test_")] + test
    path.write_text(text, encoding="utf-8")
    _lint(tree)
    code, output = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/services/email/test_digest.py")
    assert code == 0, output
    providers = "tests/integration/contracts/test_providers.py"
    code, output = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", providers, "-k", "email or commands")
    assert code == 0, output
    assert "1 passed" in output


async def test_the_new_job_comes_in_over_http_where_the_setting_allows_it(tree: Path, tmp_path: Path) -> None:
    """Described, checked against its contract, and stored; another type is not taken."""
    async with gateway_of(tree, tmp_path, jobs="email.digest") as (client, headers):
        path = "/v1/jobs/email.digest"
        taken = await client.post(path, json={"userId": "user-17"}, headers=headers)
        wrong = await client.post(path, json={"user": "user-17"}, headers=headers)
        other = await client.post("/v1/jobs/email.send", json={}, headers=headers)
        described = (await client.get("/openapi.json")).json()["paths"]
    assert (taken.status_code, taken.json()["job"]["type"]) == (202, "email.digest")
    assert (wrong.status_code, [one["pointer"] for one in wrong.json()["errors"]]) == (422, ["/userId", "/user"])
    assert (other.status_code, other.json()["code"]) == (404, "unknown-job-type")
    assert [one for one in described if one.startswith("/v1/jobs/")] == [
        *(path, f"{path}/batch", f"{path}/{{id}}", f"{path}/{{id}}/events")
    ]


@asynccontextmanager
async def gateway_of(tree: Path, folder: Path, *, jobs: str) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """The gateway of a tree as a process, without a broker; a client of it, and the headers of a key."""
    url = sqlite_url(folder / "nightshift.db")
    await migrate(url)
    database = open_database(url)
    name, _, value = (await new_key(database, "jobs:write")).strip().partition(": ")
    await database.close()
    port, health = free_ports(2)
    settings = {
        "NATS_URL": "nats://127.0.0.1:9",
        "DATABASE_URL": url,
        "S3_ENDPOINT": AWAY,
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
        "GATEWAY_PORT": str(port),
        "GATEWAY_JOBS": jobs,
        "HEALTH_PORT": str(health),
        "PYTHONPATH": str(tree / "shared"),
    }
    command = [sys.executable, "-m", "services.gateway"]
    running = Process(
        "gateway", command, log=folder / "gateway.log", cwd=tree, environment=clean_environment() | settings
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", trust_env=False) as client:
            await running.ready(lambda: _answers(client), timeout_seconds=60)
            yield client, {name: value}
    finally:
        await running.kill()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/openapi.json")).status_code == 200
    except httpx.TransportError:
        return False


def test_the_command_of_the_guide_publishes_the_new_job() -> None:
    """Subject and body are those of the samples that were made."""
    command = _guide("sh")[-1]
    assert command == 'nightshift send email.digest \'{"userId":"user-17"}\' --wait\n'


def test_a_job_that_is_there_is_left_alone(tree: Path) -> None:
    """Exit code 2, which file is in the way, and nothing is written."""
    before = (tree / "contracts/email.py").read_bytes()
    code, output = _run(tree, "tools.new_job", "email.digest")
    assert code == 2
    assert "email.digest cannot be made: " in output
    assert "exists already" in output
    assert (tree / "contracts/email.py").read_bytes() == before
    with pytest.raises(CannotBeMadeError):
        scaffold(tree, names_of("email.digest"))


def test_a_service_that_was_not_there_is_made_with_its_first_job_and_passes_make_check(tree: Path) -> None:
    """Folder, entry point, contract, who publishes what, compose, Prometheus, Kubernetes: all that is checked of it."""
    code, output = _run(tree, "tools.new_job", "billing.send-all")
    assert code == 0, output
    said = output.splitlines()
    for path in ("docker-compose.yml", "deploy/prometheus/prometheus.yml", "deploy/kubernetes/billing.yaml"):
        assert path in said
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (tree / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    *static, tests = [line.removeprefix("\t@$(RUN) -m ").split() for line in recipe[1].splitlines()]
    for command in static:
        code, output = _run(tree, *command)
        assert code == 0, output
    code, output = _run(tree, *tests, "-p", "no:cacheprovider")
    assert re.findall(r"^FAILED (\S+)", output, re.MULTILINE) == [
        "tests/unit/services/billing/test_send_all.py::test_send_all_billing_is_filled_in"
    ], output
    assert '"BILLING_LATER"' in (tree / "contracts/topology.json").read_text()


def test_what_cannot_be_added_is_said(tmp_path: Path) -> None:
    """Whose compose file looks different gets the lines to add, and everything else is added."""
    for path in ("docker-compose.yml", "deploy/prometheus/prometheus.yml", "deploy/kubernetes/kustomization.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    changed, left = add(tmp_path, "billing")
    assert changed == ["deploy/prometheus/prometheus.yml", "deploy/kubernetes/kustomization.yaml"]
    assert left[0].startswith("Add to docker-compose.yml, as for the other services:\n  billing:\n    <<:")
    assert len(left) == 8
    assert (tmp_path / "docker-compose.yml").read_text() == "services: {}\n"


@pytest.mark.parametrize(
    "name",
    ["", "email", "Email.Digest", "email.digest.v2", "email.import", "class.send", "email.a-", "../x.y", "email.a b"],
)
def test_a_name_that_is_no_job_type_is_refused(name: str) -> None:
    """It says what is expected."""
    with pytest.raises(InvalidNameError, match=r"expected <service>\.<verb>"):
        names_of(name)


@pytest.mark.parametrize("service", RESERVED_SERVICES)
def test_a_name_that_streams_or_users_have_is_refused(service: str) -> None:
    """It says whose it is."""
    with pytest.raises(InvalidNameError, match=f"'{service}.send' cannot be made: the name {service} is that of "):
        names_of(f"{service}.send")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("publishers.send", "contracts/publishers.py exists already"),
        ("postgres.send", "docker-compose.yml has something of that name already"),
        ("provision.send", "docker-compose.yml has something of that name already"),
        ("namespace.send", "deploy/kubernetes/namespace.yaml has something of that name already"),
        ("email.handlers", "services/email/handlers.py exists already"),
    ],
)
def test_a_name_that_is_taken_leaves_the_tree_as_it_was(tree: Path, name: str, words: str) -> None:
    """Exit code 2, one line that says what is in the way, and not one file more or less."""
    before = _contents(tree)
    assert _run(tree, "tools.new_job", name) == (2, f"{name} cannot be made: {words}\n")
    assert _contents(tree) == before


def _contents(tree: Path) -> dict[Path, bytes]:
    made_by_python = ("__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis")
    return {
        path: path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and not any(part in made_by_python for part in path.parts)
    }


def test_a_service_that_may_do_something_to_a_table_may_do_the_rest_of_the_example_too() -> None:
    """On PostgreSQL the handler that a job begins with would be refused otherwise."""
    row = ' "activity_logs": "SELECT, DELETE", "users": "SELECT"},'
    assert _with_access(row, "activity_logs", ("SELECT", "INSERT")) == (
        ' "activity_logs": "SELECT, DELETE, INSERT", "users": "SELECT"},'
    )
    assert _with_access(" }", "users", ("SELECT",)) == ' "users": "SELECT", }'

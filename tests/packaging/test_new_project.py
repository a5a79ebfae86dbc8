"""A new project, made and run by the library as it is installed: no checkout, no index, nobody's other packages."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import pytest
import yaml

from nightshift.cli.actions.new_project import files
from tests.packaging.conftest import Install
from tests.packaging.installed import Environment
from tests.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the output of a process that goes on")
PATH = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
"""Broker and object store are programs that pip puts beside the interpreter that it installs for."""
SHELL = {"PATH": PATH, "HOME": os.environ.get("HOME", "/"), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def environment(install: Install) -> Environment:
    """The library with what `pip install -e '.[dev]'` brings."""
    extras = ("cli", "postgres", "s3", "worker", "console", "embedded", "gateway")
    return install(*extras, besides=("pytest", "pytest-asyncio"))


@pytest.fixture(scope="module")
def project(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `nightshift new-project shop` has written."""
    folder = tmp_path_factory.mktemp("somewhere")
    said = typed(environment, folder, "nightshift", "new-project", "shop")
    assert "nightshift up shop.jobs" in said
    return folder / "shop"


def ran(folder: Path, *command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, as somebody's shell does."""
    return subprocess.run(  # noqa: S603 - our own
        command, cwd=folder, env=SHELL | environ, capture_output=True, text=True, check=False, timeout=100
    )


def typed(environment: Environment, folder: Path, program: str, *arguments: str) -> str:
    """Run a program of the environment in a folder; fail with what it said."""
    done = ran(folder, environment.python.with_name(program), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def up(environment: Environment, project: Path) -> Iterator[str]:
    """What `nightshift up shop.jobs` says until everything is ready; it runs meanwhile."""
    command = [str(environment.python.with_name("nightshift")), "up", "shop.jobs"]
    with subprocess.Popen(command, cwd=project, env=SHELL, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            said = ""
            while "Everything is ready" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield said
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_its_own_test_passes(environment: Environment, project: Path) -> None:
    """Before anything is running."""
    tested = ran(project, environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert (tested.returncode, "1 passed" in tested.stdout) == (0, True), tested.stdout + tested.stderr


def test_its_job_is_done_and_its_mail_arrives(environment: Environment, project: Path, up: str) -> None:
    """As its README says it: a row, and the follow-up's mail at the catcher."""
    sign_up = '{"email":"ada@example.com","name":"Ada"}'
    assert sign_up in (project / "README.md").read_text(encoding="utf-8")
    typed(environment, project, "nightshift", "send", "shop.signup", sign_up, "--wait")
    mail = '{"to":"bob@example.com","subject":"Now","text":"Here"}'
    assert "done" in typed(environment, project, "nightshift", "send", "shop.mail", mail, "--wait")
    (mailbox,) = re.findall(r"messages: (\S+)", up)
    texts = [file.read_text(encoding="utf-8") for file in Path(mailbox).glob("*.eml")]
    assert any("Hello Ada!" in text for text in texts)


EVERY_SECOND = """[[schedules]]
name = "shop.digest"
schedule = "* * * * * *"
"""


def test_its_schedule_is_announced(environment: Environment, project: Path, up: str) -> None:
    """By a scheduler of one's own, as often as a file of schedules says; its job mails the note."""
    assert "shop.digest" in typed(environment, project, "nightshift", "cron", "list")
    (project / "often.toml").write_text(EVERY_SECOND, encoding="utf-8")
    (mailbox,) = re.findall(r"messages: (\S+)", up)
    command = [str(environment.python.with_name("nightshift")), "scheduler", "shop.jobs"]
    with subprocess.Popen(command, cwd=project, env=SHELL | {"SCHEDULES_FILE": "often.toml"}) as scheduler:  # noqa: S603
        try:
            wait_for(lambda: any("All quiet." in file.read_text() for file in Path(mailbox).glob("*.eml")))
        finally:
            scheduler.terminate()
    assert scheduler.returncode == 0


def test_its_upkeep_is_done(environment: Environment, project: Path, up: str) -> None:
    """By its own worker, when its schedule comes due or somebody asks for it."""
    assert up
    listed = typed(environment, project, "nightshift", "scheduler", "shop.jobs", "--list")
    assert "shop.upkeep" in listed
    done = typed(environment, project, "nightshift", "send", "shop.upkeep", "{}", "--wait")
    assert "done" in done


def test_its_console_signs_in_once_by_the_link_that_up_prints(environment: Environment, project: Path, up: str) -> None:
    """It has its pages and its looks from the wheel, and shows the project's queue."""
    (link,) = re.findall(r"console +(http://\S+sign-in\S+)", up)
    cookies = HTTPCookieProcessor(CookieJar())
    browser = build_opener(ProxyHandler({}), cookies)
    root, _, secret = link.partition("/sign-in?link=")
    pressed = Request(f"{root}/sign-in/link", urlencode({"link": secret}).encode(), {"Origin": root})  # noqa: S310 - ours
    page = browser.open(pressed, timeout=30).read().decode()
    assert 'href="/queues/shop"' in page
    (style,) = re.findall(r'href="(/static/[^"]+\.css)"', page)
    assert b"{" in browser.open(f"{root}{style}", timeout=30).read()
    assert "/sign-in?link=" in typed(environment, project, "nightshift", "console", "link")


def test_the_other_processes_have_what_they_need(environment: Environment, project: Path, up: str) -> None:
    """Console and gateway read their settings, and what providers sent can be asked for."""
    assert up
    for program in ("console", "gateway"):
        typed(environment, project, "nightshift", program, "shop.jobs", "--check")
    assert typed(environment, project, "nightshift", "webhooks", "list", "--json").strip() == "[]"


def test_logins_of_its_own_are_made(environment: Environment, project: Path) -> None:
    """As its compose file has them made: a folder for each process."""
    typed(environment, project, "nightshift", "credentials", "shop.jobs", "--out", "var/credentials")
    compose = yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8"))["services"]
    mounted = _mounted(compose)
    assert mounted <= {folder.name for folder in (project / "var" / "credentials").iterdir()}
    assert mounted == {"shop", "scheduler", "provision", "nats", "postgres", "seaweedfs"}


def _mounted(compose: dict[str, dict[str, list[str]]]) -> set[str]:
    """Return whose credentials a container has, but for that which makes all of them."""
    read = [volume for name, one in compose.items() if name != "credentials" for volume in one.get("volumes", ())]
    return {volume.split(":")[0].removeprefix("credentials-") for volume in read if volume.startswith("credentials-")}


def wait_for(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def test_it_keeps_to_the_rules_of_a_strict_house(project: Path) -> None:
    """Types under mypy strict, and ruff."""
    for command in (["mypy", "--strict", "--no-incremental", "shop"], ["ruff", "check", "--isolated", "."]):
        checked = ran(project, sys.executable, "-m", *command, MYPYPATH=str(ROOT / "shared"))
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_its_compose_file_runs_the_commands_that_there_are() -> None:
    """The images are those of this repository's own compose file; each command is one of `nightshift`."""
    services = yaml.safe_load(files("shop")["compose.yaml"])["services"]
    ours = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    images = {one["image"] for one in services.values() if one.get("image") != "shop"}
    assert images <= {one.get("image") for one in ours.values()}
    commands = {name: one["command"] for name, one in services.items() if one.get("image") == "shop"}
    assert commands == {
        "worker": ["worker", "shop.jobs"],
        "credentials": ["credentials", "shop.jobs", "--out", "/credentials"],
        "scheduler": ["scheduler", "shop.jobs"],
        "provision": ["provision", "shop.jobs"],
    }


def test_what_it_needs_is_what_is_declared() -> None:
    """Its pyproject.toml names the extras that were installed for this."""
    text = files("shop")["pyproject.toml"]
    assert 'dependencies = ["nightshift-jobs[cli,postgres,s3,worker]"]' in text
    assert 'dev = ["nightshift-jobs[console,embedded,gateway]", "pytest", "pytest-asyncio"]' in text


@pytest.mark.parametrize("name", ["Shop", "my-shop", "email", "class", "nightshift", "", "../x"])
def test_a_name_that_cannot_be_a_package_is_refused(name: str, environment: Environment, tmp_path: Path) -> None:
    """With one line and exit code 2; nothing is written."""
    refused = ran(tmp_path, environment.python.with_name("nightshift"), "new-project", name)
    assert (refused.returncode, refused.stderr.count("\n"), list(tmp_path.iterdir())) == (2, 1, [])

"""The five-minute guide of the README works: a new job is green at once but for the test that says what to fill in."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.contracts.samples import ROOT
from tools.new_job.names import BadName, names_of
from tools.new_job.scaffold import Exists, scaffold

LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".pytest_cache", ".hypothesis", "peers")
QUICK = ("tests/unit/email", "tests/unit/test_routes.py", "tests/contract", "tests/test_architecture.py")
TOUCHED = ("contracts/email.py", "services/email", "tests/unit/email/test_digest.py")


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
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
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
    assert failed == ["tests/unit/email/test_digest.py::test_digest_email_is_filled_in"], output
    assert "fill in digest_email in services/email/digest.py, the fields of DigestEmail in contracts/email.py" in output


def test_a_job_that_was_filled_in_is_green_and_done_by_the_service(tree: Path) -> None:
    """With the code of the guide every test passes, and the service as a process does its samples."""
    handler, test = _guide("python")
    assert handler.startswith("# services/email/digest.py\n")
    (tree / "services/email/digest.py").write_text(handler.partition("\n")[2], encoding="utf-8")
    path = tree / "tests/unit/email/test_digest.py"
    text = path.read_text(encoding="utf-8")
    text = text[: text.index("async def test_")] + test
    path.write_text(text.replace("import pytest\n\n", ""), encoding="utf-8")
    _lint(tree)
    code, output = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/email/test_digest.py")
    assert code == 0, output
    providers = "tests/integration/contracts/test_providers.py"
    code, output = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", providers, "-k", "email or commands")
    assert code == 0, output
    assert "1 passed" in output


def test_the_command_of_the_guide_publishes_the_new_job() -> None:
    """Subject and body are those of the samples that were made."""
    command = _guide("sh")[-1]
    assert command == 'nats req jobs.email.digest \'{"userId":"user-17"}\'\n'


def test_a_job_that_is_there_is_left_alone(tree: Path) -> None:
    """Exit code 2, which file is in the way, and nothing is written."""
    before = (tree / "contracts/email.py").read_bytes()
    code, output = _run(tree, "tools.new_job", "email.digest")
    assert code == 2
    assert "email.digest cannot be made: " in output
    assert "exists already" in output
    assert (tree / "contracts/email.py").read_bytes() == before
    with pytest.raises(Exists):
        scaffold(tree, names_of("email.digest"))


def test_a_service_that_was_not_there_is_made_with_its_first_job(tree: Path) -> None:
    """Folder, entry point, contract and its line in the table of who publishes what; streams follow by themselves."""
    code, output = _run(tree, "tools.new_job", "invoice.send-all")
    assert code == 0, output
    files = ("contracts/invoice.py", "services/invoice", "tests/unit/invoice/test_send_all.py", "contracts/parts.py")
    assert _run(tree, "ruff", "check", *files) == (0, "All checks passed!\n")
    code, output = _run(tree, "mypy", *files)
    assert code == 0, output
    tests = ("tests/unit/invoice", *(f"tests/contract/test_{name}.py" for name in ("generated", "samples", "pacts")))
    code, output = _run(tree, "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert re.findall(r"^FAILED (\S+)", output, re.MULTILINE) == [
        "tests/unit/invoice/test_send_all.py::test_send_all_invoice_is_filled_in"
    ], output
    assert '"INVOICE_LATER"' in (tree / "contracts/topology.json").read_text()


@pytest.mark.parametrize(
    "name", ["", "email", "Email.Digest", "email.digest.v2", "email.import", "../x.y", "email.a b"]
)
def test_a_name_that_is_no_job_type_is_refused(name: str) -> None:
    """It says what is expected."""
    with pytest.raises(BadName, match=r"expected <service>\.<verb>"):
        names_of(name)

"""The documents for contributors: what they name exists, and they agree with each other."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository import ROOT

DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
ROOTS = (ROOT, ROOT / "shared", ROOT / "shared" / "nightshift")
TOP = "|".join(sorted(path.name for root in ROOTS for path in root.iterdir() if path.is_dir() and path.name[0] != "."))
GENERATED_BY_A_USER = (
    "var/",
    "credentials/",
    "console/oidc-client-secret",
    "services/email/digest.py",
    "tests/unit/services/email/test_digest.py",
)
PYTHONS = ("3.11", "3.14")


def text_of(path: Path) -> str:
    """Return a document's text."""
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_that_a_document_names_exist(document: Path) -> None:
    """In code type, from the root or from the library's folder, and not what the reader is to make."""
    named = re.findall(rf"`((?:{TOP})/[\w./-]*)`", text_of(document))
    missing = [
        name
        for name in named
        if not name.startswith(GENERATED_BY_A_USER) and not any((root / name).exists() for root in ROOTS)
    ]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    """To a file, and to a heading in it where they name one."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = document if not name else document.parent / name
        if not target.exists() or (heading and heading not in headings(target)):
            dead.append(link)
    assert not dead


def headings(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as Git hosts make them."""
    found = re.findall(r"^#+ (.*)$", text_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_of_make_that_a_document_names_exist(document: Path) -> None:
    """Each `make …` is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text_of(document), re.MULTILINE))
    assert named <= targets


def test_the_rooms_are_listed_in_their_order() -> None:
    """The page's table of rooms is the order that the import test holds, the highest first."""
    table = text_of(ROOT / "docs" / "ARCHITECTURE.md").partition("## The rooms of the library")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    order = re.search(
        r"^ROOMS = \((.*?)^\)", text_of(ROOT / "tests" / "test_architecture.py"), re.MULTILINE | re.DOTALL
    )
    assert order
    assert listed == re.findall(r'"(\w+)"', order[1])[::-1]


def test_the_glossary_is_sorted_and_says_each_word_once() -> None:
    """So that a word is found by looking, not by searching."""
    words = re.findall(r"^\| ([a-z][\w ()-]*) \|", text_of(ROOT / "docs" / "glossary.md"), re.MULTILINE)[1:]
    assert len(words) > 40
    assert words == sorted(set(words), key=str.lower)


def test_every_decision_is_listed_and_has_the_same_parts() -> None:
    """Context, decision, cost."""
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    index = text_of(ROOT / "docs" / "adr" / "README.md")
    for number, page in enumerate(pages, 1):
        text = text_of(page)
        assert text.startswith(f"# {number}. ")
        assert f"[{number}]({page.name})" in index
        assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:3] == ["Context", "Decision", "What it costs"]


def test_the_supported_pythons_are_said_alike() -> None:
    """In README, Makefile, package, application, contributing page and workflow."""
    oldest, newest = PYTHONS
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", "shared/README.md"):
        assert f"Python {oldest} to {newest}" in text_of(ROOT / name), name
    application = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    library = tomllib.loads(text_of(ROOT / "shared" / "pyproject.toml"))["project"]
    assert application["requires-python"] == ">=3.11,<3.15"
    assert library["requires-python"] == ">=3.11"
    classified = re.findall(r"Python :: (3\.\d+)", " ".join(library["classifiers"]))
    assert (classified[0], classified[-1]) == PYTHONS
    assert workflow()["jobs"]["test"]["strategy"]["matrix"]["python"] == classified


def workflow() -> Any:
    """Return the workflow of continuous integration."""
    return yaml.safe_load(text_of(ROOT / ".github" / "workflows" / "ci.yml"))


def test_continuous_integration_runs_what_contributors_run() -> None:
    """Commands of make, and those that the contributing page promises."""
    steps = [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]
    assert {"make check", "make demo", "make test", "make compose-test"} <= set(steps)


def test_hooks_and_templates_can_be_read() -> None:
    """Hooks run in the project's environment and download nothing."""
    (local,) = yaml.safe_load(text_of(ROOT / ".pre-commit-config.yaml"))["repos"]
    assert local["repo"] == "local"
    assert all(hook["language"] == "system" for hook in local["hooks"])
    assert all(hook["entry"].startswith(".venv/bin/python -m ") for hook in local["hooks"])
    for template in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        assert yaml.safe_load(text_of(template))

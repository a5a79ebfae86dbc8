"""The guide to jobs of one's own: what stands on its pages is a project that runs, and keeps its own tests."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from pathlib import Path

import pytest

from tests.repository import ROOT

GUIDE = ROOT / "docs" / "own-jobs"
PAGES = sorted(path.name for path in GUIDE.glob("*.md") if path.name != "README.md")
TRIED = """
import sys, pytest
from nightshift.contract.loading import problem_with
sys.path.insert(0, ".")
sys.exit(problem_with("shop.jobs") or pytest.main(["-q", "-p", "no:cacheprovider"]))
"""
BY_HAND = ("jobs.py", "tables.py", "migrations/v0001_charges.py", "test_jobs.py")


def blocks(page: str) -> dict[str, str]:
    """Return the files of a page: each block of Python begins with the name of its file."""
    found = re.findall(r"```python\n# (\S+)\n(.*?)```", (GUIDE / page).read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_a_project_that_keeps_its_own_tests(page: str, tmp_path: Path) -> None:
    """Its module declares a service, its tests pass, and no block is left out."""
    files = {"shop/__init__.py": ""} | blocks(page)
    assert {"shop/jobs.py", "tests/test_jobs.py"} <= files.keys()
    text = (GUIDE / page).read_text(encoding="utf-8")
    assert text.count("```python\n") == len(files) - 1
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\npythonpath = .\n", encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": str(ROOT / "shared")}
    process = await create_subprocess_exec(
        sys.executable, "-c", TRIED, cwd=tmp_path, env=environ, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(200):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_the_readme_shows_a_module_that_declares_a_service(tmp_path: Path) -> None:
    """What a newcomer sees first can be run; the job that it then sends is one of the module's."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ((name, module),) = re.findall(r"```python\n# (shop/\S+)\n(.*?)```", readme, re.DOTALL)
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(module, encoding="utf-8")
    command = [sys.executable, "-P", "-m", "nightshift.service.names", "shop.jobs"]
    environ = {name: value for name, value in os.environ.items() if name != "CONTRACTS_PACKAGE"}
    process = await create_subprocess_exec(*command, cwd=tmp_path, env=environ, stdout=PIPE, stderr=STDOUT)
    output, _ = await process.communicate()
    assert (process.returncode, output.decode()) == (0, "billing\n")
    (sent,) = re.findall(r"^nightshift send (billing\S+) '", readme, re.MULTILINE)
    assert f'SUBJECT = "jobs.{sent}"' in module


def test_the_guide_lists_its_pages() -> None:
    """Each has its line, and says what it is about."""
    pages = (GUIDE / "README.md").read_text(encoding="utf-8").partition("## Pages")[2]
    listed = re.findall(r"\]\(([\w-]+\.md)\)", pages)
    assert sorted(listed) == PAGES


def test_a_job_with_table_provider_and_follow_up_mail_is_four_files_and_eighty_lines() -> None:
    """All that is written by hand in examples/shop, without blank lines; what is empty is not counted."""
    shop = ROOT / "examples" / "shop"
    written = [path for path in shop.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(path.relative_to(shop).as_posix() for path in written) == sorted(BY_HAND)
    lines = [line for path in written for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 80

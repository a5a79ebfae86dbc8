"""The project that Nightshift is used in: its folder, and the packages there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.config.project import Project
from nightshift.config.settings import contracts_problem


def _runnable(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "__main__.py").touch()


def test_the_working_directory_is_the_project_unless_a_setting_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder, its contracts and its services each have a setting, and the tables."""
    monkeypatch.chdir(tmp_path)
    assert Project.of_environment({}) == Project(tmp_path, "contracts", "services")
    named = {"PROJECT_FOLDER": "/srv/shop", "CONTRACTS_PACKAGE": "shop.messages", "SERVICES_PACKAGE": "shop.workers"}
    shop = Project.of_environment({**named, "SCHEMA_PACKAGE": "shop.tables"})
    assert shop == Project(Path("/srv/shop"), "shop.messages", "shop.workers", "shop.tables")
    assert shop.settings() == {"CONTRACTS_PACKAGE": "shop.messages", "SCHEMA_PACKAGE": "shop.tables"}
    assert Project.of_environment({"PROJECT_FOLDER": "shop"}).folder == tmp_path / "shop"


def test_services_are_the_folders_that_can_be_run(tmp_path: Path) -> None:
    """Those of the package of services, and no others; none where there is no such package."""
    _runnable(tmp_path / "shop" / "workers" / "invoices")
    _runnable(tmp_path / "services" / "elsewhere")
    (tmp_path / "shop" / "workers" / "notes").mkdir()
    assert Project(tmp_path, services="shop.workers").service_names() == ["invoices"]
    assert Project(tmp_path / "nothing").service_names() == []


def test_a_module_of_the_project_hides_no_installed_one(tmp_path: Path) -> None:
    """Its folder is looked into last."""
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "greetings.py").write_text("HELLO = 'hello'")
    code = (
        "import sys, pathlib; from nightshift.config.project import Project; "
        "sys.modules.pop('json', None); Project(pathlib.Path(sys.argv[1])).make_importable(); "
        "import json, greetings; print(greetings.HELLO)"
    )
    ran = subprocess.run([sys.executable, "-P", "-c", code, tmp_path], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert ran.stdout == "hello\n"


@pytest.mark.parametrize("package", ["no_such_package", "no_such_package.messages", "nightshift.no_such_room"])
def test_contracts_that_cannot_be_found_are_a_wrong_setting(package: str) -> None:
    """The variable, the name that was looked for, and what to do."""
    (problem,) = contracts_problem(package)
    assert problem.startswith(f"CONTRACTS_PACKAGE: there is no package '{package}': run this in the folder")
    assert list(contracts_problem("contracts")) == []


DECLARES = "from nightshift import Service\n\nshop = Service('shop')\n"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (None, "'contracts': run this in the folder that holds it, or install it; or name a module that declares "),
        ("shop.job", "'shop.job'; did you mean shop.jobs?"),
    ],
)
def test_a_module_that_nobody_has_named_or_misspelt_is_suggested(named: str | None, said: str, tmp_path: Path) -> None:
    """Also beside a folder `contracts` that holds documents of the messages, and no code."""
    for name, text in {"contracts/asyncapi.json": "{}", "shop/__init__.py": "", "shop/jobs.py": DECLARES}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environ = {name: value for name, value in os.environ.items() if name != "CONTRACTS_PACKAGE"}
    environ |= {"CONTRACTS_PACKAGE": named} if named else {}
    command = [sys.executable, "-P", "-m", "nightshift.cli", "queues", "list"]
    ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"the settings are wrong:\n  CONTRACTS_PACKAGE: there is no package {said}")
    assert named or ran.stderr.endswith("CONTRACTS_PACKAGE=shop.jobs\n")

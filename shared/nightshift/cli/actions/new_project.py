"""`nightshift new-project`: write a project that runs, with a job, a table, a test, compose file and CI."""

import argparse
import keyword
import re
import shlex
import sys
from pathlib import Path

from nightshift.cli.terminal.exit_codes import DONE
from nightshift.cli.terminal.report import report
from nightshift.config.program_parser import fail
from nightshift.contract.wire import RESERVED_SERVICES

TEMPLATE = Path(__file__).parents[1] / "project_template"
_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
_TAKEN = frozenset({"nightshift", "tests"})


def run(options: argparse.Namespace) -> int:
    """Write the files into a folder of the project's name, or the one that is given."""
    problem = _problem(options.name)
    folder: Path = options.folder or Path(options.name)
    if problem is None and folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        problem = f"{folder} exists already, and is not empty: use another folder"
    if problem is not None:
        return fail("nightshift new-project", problem)
    written = files(options.name)
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    enter, start = f"cd {shlex.quote(str(folder))}", f"nightshift up {options.name}.jobs"
    steps = (enter, "pip install -e '.[dev]'", "pytest", start)
    report(
        {"folder": str(folder), "files": sorted(written)},
        f"{folder} is there. Next:\n",
        *(f"  {step}" for step in steps),
    )
    return DONE


def files(name: str) -> dict[str, str]:
    """Return the text of each file of a project, by its path."""
    return {
        _path(file.relative_to(TEMPLATE).as_posix(), name): file.read_text(encoding="utf-8").replace("@name@", name)
        for file in sorted(TEMPLATE.rglob("*.txt"))
    }


def _path(path: str, name: str) -> str:
    return re.sub(r"(^|/)dot-", r"\1.", re.sub(r"^app/", f"{name}/", path)).removesuffix(".txt")


def _problem(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot be the name of a project: write lower-case letters and digits, as in shop"
    if name in RESERVED_SERVICES:
        return f"the name {name!r} {RESERVED_SERVICES[name]}: choose another one"
    if name in _TAKEN or keyword.iskeyword(name) or name in sys.stdlib_module_names:
        return f"{name!r} is taken, as a module or as a name of Nightshift's own: choose another one"
    return None

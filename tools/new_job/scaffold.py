"""Write the files of a new job into a tree, and add its handler to its service."""

import re
import subprocess
import sys
from pathlib import Path

from tools.new_job import deployment, templates
from tools.new_job.names import Names

_DOCSTRING = re.compile(r'\A""".*?"""\n', re.DOTALL)


class AlreadyExistsError(Exception):
    """The job, or one of its files, exists already."""


def scaffold(root: Path, names: Names) -> list[str]:
    """Write everything that the job needs; return the files that were written or changed.

    Raises:
        AlreadyExistsError: the job, or a file of that name, exists; nothing was written.
    """
    new = _new_files(names)
    taken = [path for path in [*new, f"contracts/samples/{names.subject}"] if (root / path).exists()]
    if taken:
        raise AlreadyExistsError(f"{names.type} cannot be made: {taken[0]} exists already")
    known = (root / "services" / names.service / "__main__.py").exists()
    for path, text in ({} if known else _new_service(names)).items():
        _write(root / path, text)
    for path, text in new.items():
        _write(root / path, text)
    changed = [*_contract(root, names), *_entry_point(root, names), *(_access if known else _publishes)(root, names)]
    _tidy(root, [*changed, *(path for path in new if path.endswith(".py"))])
    return [*new, *changed]


def _new_files(names: Names) -> dict[str, str]:
    return {
        **{f"contracts/samples/{path}": text for path, text in templates.samples(names).items()},
        f"services/{names.service}/{names.module}.py": templates.handler(names),
        f"tests/unit/services/{names.service}/test_{names.module}.py": templates.test(names),
    }


def _new_service(names: Names) -> dict[str, str]:
    return {
        f"services/{names.service}/__init__.py": f'"""The {names.service} service."""\n',
        f"services/{names.service}/__main__.py": templates.entry_point(names),
        f"contracts/{names.service}.py": f'"""What may be asked of the {names.service} service."""\n',
    }


def _contract(root: Path, names: Names) -> list[str]:
    path = f"contracts/{names.service}.py"
    text = (root / path).read_text(encoding="utf-8")
    _write(root / path, _with_imports(text, templates.CONTRACT_IMPORTS).rstrip() + "\n" + templates.contract(names))
    return [path]


def _entry_point(root: Path, names: Names) -> list[str]:
    path = f"services/{names.service}/__main__.py"
    text = (root / path).read_text(encoding="utf-8")
    before, table, after = text.partition("yield {\n")
    if not table:
        raise AlreadyExistsError(
            f"{path} has no line 'yield {{': add the handler by hand: {templates.handler_line(names)}"
        )
    text = f"{before}{table}        {templates.handler_line(names)}\n{after}"
    _write(root / path, _with_imports(text, templates.handler_imports(names)))
    return [path]


def _access(root: Path, names: Names) -> list[str]:
    """Let a service that is there do to the tables what the example does, besides what it may already."""
    path = deployment.ACCESS
    text = (root / path).read_text(encoding="utf-8")
    row = re.search(rf'(    "{names.service}": {{\s*\*\*WORKER),?(.*?\}},\n)', text, re.DOTALL)
    if row is None:
        return []
    added = [f"{table}: {actions}" for table, actions in deployment.EXAMPLE.items() if table not in row[2]]
    _write(root / path, text[: row.start()] + ", ".join([row[1], *added]) + "," + row[2] + text[row.end() :])
    return [path]


def _publishes(root: Path, names: Names) -> list[str]:
    """Declare that a new service publishes nothing yet."""
    path = "contracts/publishers.py"
    text = (root / path).read_text(encoding="utf-8")
    _write(root / path, re.sub(r"(PUBLISHES: [^\n]*\{\n)", rf'\1    "{names.service}": (),\n', text))
    return [path]


def _with_imports(text: str, imports: str) -> str:
    """Insert imports after the module's docstring; the formatter sorts them and drops duplicates."""
    docstring = _DOCSTRING.match(text)
    end = docstring.end() if docstring else 0
    return f"{text[:end]}\n{imports}{text[end:]}"


def _tidy(root: Path, paths: list[str]) -> None:
    files = sorted({path for path in paths if path.endswith(".py")})
    for command in (["check", "--quiet", "--fix", "--select", "I,F811"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *files], cwd=root, check=True)  # noqa: S603 - the formatter


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")

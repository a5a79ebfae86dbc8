"""Write the files of a new job into a tree, and add its handler to its service."""

import re
import subprocess
import sys
from pathlib import Path

from tools.new_job import deployment, templates
from tools.new_job.names import Names

_DOCSTRING = re.compile(r'\A""".*?"""\n', re.DOTALL)


class CannotBeMadeError(Exception):
    """The job cannot be made in this tree; the text says what is in the way. Nothing was written."""


class Draft:
    """Files of a tree as they are to be, written all together."""

    def __init__(self, root: Path) -> None:
        self.root, self.texts = root, dict[str, str]()

    def read(self, path: str) -> str:
        """Return a file's text as it is to be.

        Raises:
            CannotBeMadeError: there is no such file.
        """
        try:
            return self.texts.get(path) or (self.root / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CannotBeMadeError(f"there is no {path}") from None

    def write(self) -> None:
        """Write the files."""
        for path, text in self.texts.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")


def scaffold(root: Path, names: Names) -> list[str]:
    """Write everything that the job needs; return the files that were written or changed.

    Raises:
        CannotBeMadeError: the job, or a file of that name, exists, or its service works off no jobs.
    """
    known = (root / "services" / names.service / "__main__.py").exists()
    new, service = _new_files(names), {} if known else _new_service(names)
    _refuse_taken(root, names, [*new, *service, f"contracts/samples/{names.subject}"], known=known)
    draft = Draft(root)
    draft.texts |= service | new
    try:
        _contract(draft, names)
        _service(draft, names)
        (_access if known else _publishes)(draft, names)
    except CannotBeMadeError as error:
        raise CannotBeMadeError(f"{names.type} cannot be made: {error}") from None
    draft.write()
    _tidy(root, [path for path in draft.texts if path.endswith(".py")])
    return [*new, *(path for path in draft.texts if path not in new)]


def _refuse_taken(root: Path, names: Names, paths: list[str], *, known: bool) -> None:
    taken = [f"{path} exists already" for path in paths if (root / path).exists()]
    if not known:
        taken += [f"{place} has something of that name already" for place in deployment.taken(root, names.service)]
    if taken:
        raise CannotBeMadeError(f"{names.type} cannot be made: {taken[0]}")


def _new_files(names: Names) -> dict[str, str]:
    return {
        **{f"contracts/samples/{path}": text for path, text in templates.samples(names).items()},
        f"services/{names.service}/{names.module}.py": templates.handler(names),
        f"tests/unit/services/{names.service}/test_{names.module}.py": templates.test(names),
    }


def _new_service(names: Names) -> dict[str, str]:
    return {
        f"services/{names.service}/__init__.py": f'"""The {names.service} service."""\n',
        f"services/{names.service}/service.py": templates.service(names),
        f"services/{names.service}/__main__.py": templates.entry_point(names),
        f"contracts/{names.service}.py": f'"""What may be asked of the {names.service} service."""\n',
    }


def _contract(draft: Draft, names: Names) -> None:
    path = f"contracts/{names.service}.py"
    text = _with_imports(draft.read(path), templates.CONTRACT_IMPORTS).rstrip()
    draft.texts[path] = text + "\n" + templates.contract(names)


def _service(draft: Draft, names: Names) -> None:
    """Declare the handler at the end of the service's module."""
    path = f"services/{names.service}/service.py"
    text = _with_imports(draft.read(path), templates.handler_imports(names)).rstrip()
    draft.texts[path] = f"{text}\n{templates.handler_line(names)}\n"


def _access(draft: Draft, names: Names) -> None:
    """Let a service that is there do to the tables what the example does, besides what it may already."""
    text = draft.read(deployment.ACCESS)
    row = re.search(rf'(    "{names.service}": {{\s*\*\*WORKER),?(.*?\}},\n)', text, re.DOTALL)
    if row is None:
        return
    tables = row[2]
    for table, actions in deployment.EXAMPLE.items():
        tables = _with_access(tables, table, actions)
    entry = f"{row[1]},{tables}"
    draft.texts[deployment.ACCESS] = text[: row.start()] + entry + text[row.end() :]


def _with_access(tables: str, table: str, actions: tuple[str, ...]) -> str:
    """Return the tables of a service's row with these actions on one of them, too."""
    there = re.search(rf'"{table}": "([^"]*)"', tables)
    if there is None:
        return f' "{table}": "{", ".join(actions)}",' + tables
    added = [action for action in actions if action not in re.findall(r"[A-Z]+", there[1])]
    return tables[: there.end(1)] + "".join(f", {action}" for action in added) + tables[there.end(1) :]


def _publishes(draft: Draft, names: Names) -> None:
    """Declare that a new service publishes nothing yet."""
    path = "contracts/publishers.py"
    draft.texts[path] = re.sub(r"(PUBLISHES: [^\n]*\{\n)", rf'\1    "{names.service}": (),\n', draft.read(path))


def _with_imports(text: str, imports: str) -> str:
    """Insert imports after the module's docstring; the formatter sorts them and drops duplicates."""
    docstring = _DOCSTRING.match(text)
    end = docstring.end() if docstring else 0
    return f"{text[:end]}\n{imports}{text[end:]}"


def _tidy(root: Path, paths: list[str]) -> None:
    files = sorted({path for path in paths if path.endswith(".py")})
    for command in (["check", "--quiet", "--fix", "--select", "I,F811"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *files], cwd=root, check=True)  # noqa: S603 - the formatter

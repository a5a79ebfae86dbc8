"""The rules of the code base that a tool can check: who may import whom, sizes, names, nothing done at import."""

import ast
import email.message
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("contracts", "shared", "services", "embedded", "ops", "tools", "deploy")
FORBIDDEN = {
    "contracts": {"shared", "services", "embedded", "ops", "tools", "deploy", "tests", "bench"},
    "shared": {"services", "embedded", "ops", "tools", "deploy", "tests", "bench"},
    "services": {"embedded", "ops", "tools", "deploy", "tests", "bench"},
    "embedded": {"tools", "deploy", "tests", "bench"},
    "ops": {"tools", "deploy", "tests", "bench"},
    "tools": {"tests", "bench"},
    "deploy": {"services", "embedded", "ops", "tools", "tests", "bench"},
}
CLIENTS = {"aiosmtplib", "smtplib", "httpx", "minio", "urllib3", "nats", "asyncpg", "aiosqlite", "sqlite3"}
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc"}
LONGEST = 220


@dataclass(frozen=True)
class Source:
    """One file of product code: its path below the root, with forward slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's folders and the module's name."""
        return PurePosixPath(self.path).with_suffix("").parts


Rule = Callable[[Source], Iterator[str]]


def imports_of(source: Source) -> Iterator[str]:
    """Every module that a file imports, also inside functions, behind TYPE_CHECKING, or by name at run time."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [*source.parts[: len(source.parts) - level]] if level else []
                package = ".".join([*base, *([module] if module else [])])
                yield package
                yield from (f"{package}.{alias.name}" for alias in names)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def import_arrows(source: Source) -> Iterator[str]:
    """Contracts know nobody, shared knows contracts, a service knows both and no other service."""
    layer = source.parts[0]
    for name in sorted(set(imports_of(source))):
        top, _, rest = name.partition(".")
        if top in FORBIDDEN[layer]:
            yield f"{source.path} imports {name}: {layer}/ may not import {top}/"
        elif layer == "contracts" and top not in sys.stdlib_module_names | {"contracts", "msgspec"}:
            yield f"{source.path} imports {name}: contracts/ imports msgspec and the standard library only"
        elif layer == top == "services" and rest and rest.split(".")[0] not in {source.parts[1], "*"}:
            yield f"{source.path} imports {name}: services meet only in contracts/"


def handlers_import_ports(source: Source) -> Iterator[str]:
    """A handler is given what it needs: it imports ports, never clients."""
    if source.parts[0] == "services" and "handlers" in source.parts[2:]:
        for name in sorted(set(imports_of(source))):
            if name in CLIENTS:
                yield f"{source.path} imports {name}: a handler takes a port as a parameter instead"


def file_length(source: Source) -> Iterator[str]:
    """A file has one responsibility, which has room in 220 lines; a migration is a record, written once."""
    lines = source.text.count("\n")
    if "versions" not in source.parts and lines > LONGEST:
        yield f"{source.path} has {lines} lines, more than {LONGEST}: split it by responsibility"


def module_docstring(source: Source) -> Iterator[str]:
    """A file's first sentence says what it is responsible for."""
    if not (ast.get_docstring(source.tree) or "").strip():
        yield f"{source.path} has no docstring: say its one responsibility in the first sentence"


def telling_names(source: Source) -> Iterator[str]:
    """A module is named after what it holds."""
    for vague in sorted(VAGUE.intersection(source.parts)):
        yield f"{source.path}: '{vague}' says nothing; name the module after its responsibility"


def no_environment_at_import(source: Source) -> Iterator[str]:
    """Importing a module reads no environment variable; a process's entry point does, when it runs."""
    if source.parts[-1] != "__main__":
        for line in _environment_reads(source.tree.body):
            yield f"{source.path}:{line} reads the environment at import: take it as a parameter"


def _environment_reads(nodes: list[ast.stmt] | list[ast.AST]) -> Iterator[int]:
    """Lines that read it when the nodes run; bodies of functions run later, their defaults and decorators do not."""
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv"):
                yield node.lineno
            case ast.ImportFrom(module="os", names=names) if {"environ", "getenv"} & {alias.name for alias in names}:
                yield node.lineno
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _environment_reads([*node.decorator_list, *ast.iter_child_nodes(node.args)])
            case ast.Lambda():
                yield from _environment_reads(list(ast.iter_child_nodes(node.args)))
            case _:
                yield from _environment_reads(list(ast.iter_child_nodes(node)))


RULES: tuple[Rule, ...] = (
    import_arrows,
    handlers_import_ports,
    file_length,
    module_docstring,
    telling_names,
    no_environment_at_import,
)


def product() -> list[Source]:
    """Every file of product code."""
    paths = sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_product_code_keeps_the_rule(rule: Rule) -> None:
    """No file of product code breaks a rule."""
    problems = [problem for source in product() for problem in rule(source)]
    assert not problems, "\n".join(problems)


def test_the_product_is_found() -> None:
    """The rules look at the real files, so that they cannot hold for want of any."""
    folders = {source.parts[0] for source in product()}
    assert {"contracts", "shared", "services", "embedded"} <= folders


VIOLATIONS = [
    (import_arrows, "contracts/a.py", "import shared.log"),
    (import_arrows, "contracts/a.py", "import httpx"),
    (import_arrows, "shared/a.py", "from services.email import handlers"),
    (import_arrows, "shared/a.py", "from embedded.stack import Stack"),
    (import_arrows, "shared/a.py", "def later():\n    import services.email.handlers"),
    (import_arrows, "shared/a.py", "import importlib\nimportlib.import_module('services.email')"),
    (import_arrows, "shared/a.py", "from ..services import email"),
    (import_arrows, "services/email/a.py", "from services.upload.images import thumbnail"),
    (import_arrows, "services/email/a.py", "from services import upload"),
    (import_arrows, "services/email/a.py", "from ..upload import images"),
    (import_arrows, "services/email/a.py", "import embedded"),
    (import_arrows, "embedded/a.py", "import tests.unit"),
    (handlers_import_ports, "services/email/handlers.py", "import aiosmtplib"),
    (handlers_import_ports, "services/email/handlers.py", "from httpx import AsyncClient"),
    (handlers_import_ports, "services/email/handlers/send.py", "from nats import connect"),
    (file_length, "shared/a.py", "x = 1\n" * (LONGEST + 1)),
    (module_docstring, "shared/a.py", "import os\n"),
    (module_docstring, "shared/a.py", '"""  """\n'),
    (telling_names, "shared/utils.py", ""),
    (telling_names, "services/email/common/text.py", ""),
    (no_environment_at_import, "shared/a.py", "import os\nX = os.environ['X']"),
    (no_environment_at_import, "shared/a.py", "import os\nif os.getenv('X'):\n    pass"),
    (no_environment_at_import, "shared/a.py", "import os\nclass A:\n    x = os.environ.get('X')"),
    (no_environment_at_import, "shared/a.py", "import os\ndef f(x=os.environ):\n    pass"),
    (no_environment_at_import, "shared/a.py", "from os import environ"),
]


@pytest.mark.parametrize(("rule", "path", "text"), VIOLATIONS)
def test_a_violation_is_found(rule: Rule, path: str, text: str) -> None:
    """Each rule names the file that breaks it."""
    problems = list(rule(Source(path, text)))
    assert problems
    assert all(path in problem for problem in problems)


ALLOWED = [
    (import_arrows, "contracts/a.py", "import re, msgspec\nfrom contracts.message import Message"),
    (import_arrows, "shared/a.py", "from contracts.email import SendEmail\nimport nats"),
    (import_arrows, "services/email/a.py", "from services.email.mailer import Mailer\nfrom shared import log"),
    (import_arrows, "services/email/a.py", "import email.message"),
    (import_arrows, "services/email/a.py", "from . import mailer"),
    (import_arrows, "embedded/a.py", "from services.email import smtp"),
    (handlers_import_ports, "services/email/smtp.py", "import aiosmtplib"),
    (handlers_import_ports, "services/email/handlers.py", "import sqlalchemy"),
    (file_length, "shared/a.py", "x = 1\n" * LONGEST),
    (module_docstring, "shared/a.py", '"""Says something."""'),
    (telling_names, "shared/telemetry.py", ""),
    (no_environment_at_import, "shared/a.py", "import os\ndef main():\n    return os.environ['X']"),
    (no_environment_at_import, "shared/a.py", "import os\nif __name__ == '__main__':\n    print(os.environ)"),
    (no_environment_at_import, "services/email/__main__.py", "import os\nrun(os.environ)"),
]


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_what_is_allowed_is_not_found(rule: Rule, path: str, text: str) -> None:
    """No rule forbids what the design allows."""
    assert list(rule(Source(path, text))) == []


def test_email_is_the_standard_library() -> None:
    """Our service named email does not hide the module that mail libraries need: services/ is no import root."""
    assert Path(sysconfig.get_path("stdlib")).resolve() in Path(email.message.__file__).resolve().parents
    assert ROOT / "services" not in {Path(entry).resolve() for entry in sys.path}


def test_no_folder_of_ours_hides_a_standard_module() -> None:
    """Nothing at the root, which is the import root, has the name of a standard module."""
    ours = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert not ours & sys.stdlib_module_names

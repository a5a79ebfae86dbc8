"""The rules of the code base that a tool can check: who may import whom, sizes, names, nothing done at import."""

import ast
import email.message
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path, PurePosixPath

import pytest

import nightshift

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("contracts", "schema", "shared", "services", "demo", "examples", "tools", "deploy")
LIBRARY = "nightshift"
MAY_IMPORT: dict[str, set[str]] = {
    "shared": {LIBRARY},
    "contracts": {LIBRARY},
    "schema": {LIBRARY},
    "services": {LIBRARY, "contracts", "schema"},
    "demo": {LIBRARY, "contracts", "schema", "services"},
    "examples": {LIBRARY, "contracts"},
    "tools": {LIBRARY, "contracts", "schema", "services"},
    "deploy": {LIBRARY, "contracts", "schema"},
}
"""Which of our own top-level packages a folder may import besides itself."""
OURS = {LIBRARY, *MAY_IMPORT, "tests", "bench"}
ROOMS = (
    "contract",
    "documents",
    "config",
    "webhooks",
    "observability",
    "http",
    "broker",
    "topology",
    "database",
    "objects",
    "credentials",
    "messaging",
    "worker",
    "housekeeping",
    "runtime",
    "scheduler",
    "service",
    "gateway",
    "embedded",
    "cli",
    "console",
)
"""The rooms of the library, lowest first: each imports only those before it."""
BELOW_ALL_ROOMS = {
    "outcomes",
    "backoff",
    "batcher",
    "deadline",
    "heartbeat",
    "version",
    "instants",
    "proxies",
    "retry_after",
    "text",
}
"""Modules at the library's root that every room may import, and that import none."""

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
    """Contracts and schema know the library only; a service knows those three and no other service."""
    layer = source.parts[0]
    for name in sorted(set(imports_of(source))):
        top, _, rest = name.partition(".")
        if top in OURS and top != layer and top not in MAY_IMPORT[layer]:
            yield f"{source.path} imports {name}: {layer}/ may not import {top}"
        elif layer == top == "services" and rest and rest.split(".")[0] not in {source.parts[1], "*"}:
            yield f"{source.path} imports {name}: services meet only in contracts/"


def rooms_in_order(source: Source) -> Iterator[str]:
    """A room of the library imports only lower ones; the lowest needs msgspec and the standard library only."""
    if source.parts[:2] != ("shared", LIBRARY):
        return
    room = source.parts[2] if len(source.parts) > 3 else ""
    for name in sorted(set(imports_of(source))):
        parts = name.split(".")
        if parts[0] != LIBRARY:
            if room == "contract" and parts[0] not in sys.stdlib_module_names | {"msgspec"}:
                yield f"{source.path} imports {name}: the room contract imports msgspec and the standard library only"
            continue
        target = parts[1] if len(parts) > 1 else ""
        if target in BELOW_ALL_ROOMS or target == room or (not room and source.parts[2] not in BELOW_ALL_ROOMS):
            continue
        if target not in ROOMS:
            yield f"{source.path} imports {name}: a room imports rooms, not the package's public face"
        elif not room or ROOMS.index(target) > ROOMS.index(room):
            yield f"{source.path} imports {name}: {room or source.parts[2]} is below {target}"


PUBLIC: dict[str, set[str]] = {
    module: set(re.findall(r"`(\w+)`", names))
    for module, names in re.findall(
        r"^\| `(nightshift[\w.]*)` \| (.*) \|$", (ROOT / "docs/interface.md").read_text(encoding="utf-8"), re.MULTILINE
    )
}
"""What docs/interface.md lists: module -> names."""


def library_names(source: Source) -> Iterator[tuple[str, str]]:
    """Every name that a file imports from the library, with its module; of a whole module the name is empty."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from ((one.name, "") for one in names if one.name.partition(".")[0] == LIBRARY)
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] == LIBRARY:
                for one in names:
                    inner = f"{module}.{one.name}"
                    yield (inner, "") if inner in PUBLIC and module not in PUBLIC else (module, one.name)


def services_use_the_public_interface(source: Source) -> Iterator[str]:
    """A shipped service imports of the library what the page on the public interface lists, as anybody's would."""
    if source.parts[0] != "services":
        return
    for module, name in sorted(set(library_names(source))):
        listed = nightshift.__all__ if module == LIBRARY else PUBLIC.get(module, ())
        if name not in listed and not (name == "" and module in PUBLIC):
            yield f"{source.path} imports {name or 'all'} of {module}: it is not in docs/interface.md"


def handlers_import_ports(source: Source) -> Iterator[str]:
    """A handler is given what it needs: it imports ports, never clients."""
    if source.parts[0] == "services" and "handlers" in source.parts[2:]:
        for name in sorted(set(imports_of(source))):
            if name in CLIENTS:
                yield f"{source.path} imports {name}: a handler takes a port as a parameter instead"


def file_length(source: Source) -> Iterator[str]:
    """A file has one responsibility, which has room in 220 lines; a migration is a record, written once."""
    lines = source.text.count("\n")
    if not {"versions", "migrations"} & set(source.parts[:-1]) and lines > LONGEST:
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
    rooms_in_order,
    services_use_the_public_interface,
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
    assert set(MAY_IMPORT) <= folders


def test_the_public_interface_is_there_and_no_larger_than_what_the_services_use() -> None:
    """Each name that the page lists exists, and one that no shipped service uses any more is taken out."""
    there = {
        f"{module}.{name}" for module, names in PUBLIC.items() for name in names if hasattr(import_module(module), name)
    }
    assert there == {f"{module}.{name}" for module, names in PUBLIC.items() for name in names}
    services = [source for source in product() if source.parts[0] == "services"]
    used = {one for source in services for one in library_names(source)}
    whole = {module for module, name in used if not name}
    unused = {
        f"{module}.{name}"
        for module, names in PUBLIC.items()
        if module not in whole
        for name in names
        if (module, name) not in used
    }
    assert not unused


def test_every_room_is_in_the_order_and_there() -> None:
    """The order names each folder of the library, and no other."""
    assert {path.parent.name for path in (ROOT / "shared" / LIBRARY).glob("*/__init__.py")} == set(ROOMS)


VIOLATIONS = [
    (import_arrows, "contracts/a.py", "import services.email"),
    (import_arrows, "contracts/a.py", "import schema.tables"),
    (import_arrows, "schema/a.py", "from contracts.email import SendEmail"),
    (import_arrows, "shared/nightshift/worker/a.py", "from services.email import handlers"),
    (import_arrows, "shared/nightshift/worker/a.py", "from contracts.email import SendEmail"),
    (import_arrows, "shared/nightshift/worker/a.py", "def later():\n    import services.email.handlers"),
    (import_arrows, "shared/nightshift/worker/a.py", "import importlib\nimportlib.import_module('services.email')"),
    (import_arrows, "shared/nightshift/cli/a.py", "from demo.runner import run"),
    (import_arrows, "services/email/a.py", "from services.upload.images import thumbnail"),
    (import_arrows, "services/email/a.py", "from services import upload"),
    (import_arrows, "services/email/a.py", "from ..upload import images"),
    (import_arrows, "services/email/a.py", "import demo"),
    (import_arrows, "demo/a.py", "import tests.unit"),
    (rooms_in_order, "shared/nightshift/contract/a.py", "import httpx"),
    (rooms_in_order, "shared/nightshift/contract/a.py", "from nightshift.config.settings import Settings"),
    (rooms_in_order, "shared/nightshift/broker/a.py", "from nightshift.messaging.job import Job"),
    (rooms_in_order, "shared/nightshift/broker/a.py", "def f():\n    from nightshift.worker import pipeline"),
    (rooms_in_order, "shared/nightshift/worker/a.py", "from nightshift.cli.commands import dlq"),
    (rooms_in_order, "shared/nightshift/worker/a.py", "from nightshift import Job"),
    (rooms_in_order, "shared/nightshift/outcomes.py", "from nightshift.contract import wire"),
    (rooms_in_order, "shared/nightshift/scheduler/cron/a.py", "from nightshift.cli.client import context"),
    (services_use_the_public_interface, "services/email/a.py", "from nightshift.worker.router import Route"),
    (services_use_the_public_interface, "services/email/a.py", "from nightshift.database import open_database"),
    (services_use_the_public_interface, "services/email/a.py", "from nightshift import run_service"),
    (services_use_the_public_interface, "services/email/a.py", "def f():\n    import nightshift.worker.pipeline"),
    (handlers_import_ports, "services/email/handlers.py", "import aiosmtplib"),
    (handlers_import_ports, "services/email/handlers.py", "from httpx import AsyncClient"),
    (handlers_import_ports, "services/email/handlers/send.py", "from nats import connect"),
    (file_length, "shared/nightshift/a.py", "x = 1\n" * (LONGEST + 1)),
    (module_docstring, "shared/nightshift/a.py", "import os\n"),
    (module_docstring, "shared/nightshift/a.py", '"""  """\n'),
    (telling_names, "shared/nightshift/utils.py", ""),
    (telling_names, "services/email/common/text.py", ""),
    (no_environment_at_import, "shared/nightshift/a.py", "import os\nX = os.environ['X']"),
    (no_environment_at_import, "shared/nightshift/a.py", "import os\nif os.getenv('X'):\n    pass"),
    (no_environment_at_import, "shared/nightshift/a.py", "import os\nclass A:\n    x = os.environ.get('X')"),
    (no_environment_at_import, "shared/nightshift/a.py", "import os\ndef f(x=os.environ):\n    pass"),
    (no_environment_at_import, "shared/nightshift/a.py", "from os import environ"),
]


@pytest.mark.parametrize(("rule", "path", "text"), VIOLATIONS)
def test_a_violation_is_found(rule: Rule, path: str, text: str) -> None:
    """Each rule names the file that breaks it."""
    problems = list(rule(Source(path, text)))
    assert problems
    assert all(path in problem for problem in problems)


ALLOWED = [
    (import_arrows, "contracts/a.py", "import re, msgspec\nfrom nightshift.contract.message import Message"),
    (import_arrows, "services/email/a.py", "import email.message"),
    (import_arrows, "services/email/a.py", "from . import mailer"),
    (import_arrows, "demo/a.py", "from services.email import smtp"),
    (services_use_the_public_interface, "services/email/a.py", "from nightshift import Job, Service"),
    (services_use_the_public_interface, "services/email/a.py", "from nightshift.database import Database"),
    (services_use_the_public_interface, "services/email/a.py", "from nightshift.contract import wire"),
    (services_use_the_public_interface, "demo/a.py", "from nightshift.worker.router import Route"),
    (handlers_import_ports, "services/email/smtp.py", "import aiosmtplib"),
    (handlers_import_ports, "services/email/handlers.py", "import sqlalchemy"),
    (file_length, "shared/nightshift/a.py", "x = 1\n" * LONGEST),
    (module_docstring, "shared/nightshift/a.py", '"""Says something."""'),
    (telling_names, "shared/nightshift/telemetry.py", ""),
    (no_environment_at_import, "shared/nightshift/a.py", "import os\ndef main():\n    return os.environ['X']"),
    (
        no_environment_at_import,
        "shared/nightshift/a.py",
        "import os\nif __name__ == '__main__':\n    print(os.environ)",
    ),
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
    """Nothing at the import roots, which are the root and shared/, has the name of a standard module."""
    roots = (ROOT, ROOT / "shared")
    ours = {
        path.stem
        for root in roots
        for path in root.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert not ours & sys.stdlib_module_names

"""Whatever module of the library a program imports first, it can be imported."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.repository import ROOT


def modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the library by name; migrations are loaded by Alembic alone."""
    found = {}
    for path in sorted((root / "nightshift").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if "versions" not in parts:
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def needed(parsed: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """What has to be loaded before each module: what it imports at its top, and the packages that this is in.

    The packages that a module is in itself are there already, be it half.
    """
    return {name: set(_needed(name, tree, parsed)) for name, tree in parsed.items()}


def _needed(name: str, tree: ast.Module, known: Mapping[str, ast.Module]) -> Iterator[str]:
    for node in _imports(tree.body):
        for target in _targets(node):
            while target:
                if target in known and target != name and not name.startswith(f"{target}."):
                    yield target
                target = target.rpartition(".")[0]  # noqa: PLW2901 - on to the package that it is in


def _imports(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in body:
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import() | ast.ImportFrom():
                yield node
            case ast.If(body=inner) | ast.Try(body=inner) | ast.With(body=inner):
                yield from _imports(inner)


def _targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [f"{node.module}.{one.name}" for one in node.names]


def test_no_modules_import_each_other() -> None:
    """In a circle, the first one that is imported decides whether there is an error: it is named here."""
    needs = needed(modules(ROOT / "shared"))
    list(TopologicalSorter(needs).static_order())


def test_a_circle_is_found() -> None:
    """Also one through a package, whose own imports are made before those of what is in it."""
    parsed = {
        "nightshift.a": ast.parse("from nightshift.b.errors import Error"),
        "nightshift.b": ast.parse("from nightshift.b.runner import run"),
        "nightshift.b.errors": ast.parse("class Error(Exception): pass"),
        "nightshift.b.runner": ast.parse("from nightshift.a import something"),
    }
    with pytest.raises(CycleError):
        list(TopologicalSorter(needed(parsed)).static_order())

"""Read who imports whom, and reduce the arrows to those that say something new."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

LIBRARY = "nightshift"
FOLDERS = ("contracts", "schema", "services", "demo", "tools", "deploy")

Arrows = dict[str, set[str]]
"""What each node imports."""


def rooms(root: Path) -> dict[str, str]:
    """Return the library's rooms, each with the first sentence of its docstring."""
    found = sorted((root / "shared" / LIBRARY).glob("*/__init__.py"))
    return {path.parent.name: _first_sentence(path) for path in found}


def folders(root: Path) -> dict[str, str]:
    """Return the repository's folders of product code, each with the first sentence of its docstring."""
    return {name: _first_sentence(root / name / "__init__.py") for name in FOLDERS}


def room_arrows(root: Path) -> Arrows:
    """Return which rooms each room imports, at the top of a module or late."""
    library = root / "shared" / LIBRARY
    names = rooms(root)
    return {
        room: {
            parts[1]
            for module in _imports(library / room)
            if (parts := module.split("."))[0] == LIBRARY and len(parts) > 1 and parts[1] in names and parts[1] != room
        }
        for room in names
    }


def folder_arrows(root: Path) -> Arrows:
    """Return which folders each folder imports; the library is not among them."""
    return {
        folder: {top for module in _imports(root / folder) if (top := module.partition(".")[0]) in FOLDERS} - {folder}
        for folder in FOLDERS
    }


def reduced(arrows: Mapping[str, set[str]]) -> Arrows:
    """Return the arrows without those that a longer way says as well (the transitive reduction).

    Raises:
        graphlib.CycleError: the arrows go round in a circle, which its arguments name.
    """
    below: Arrows = {}
    for node in TopologicalSorter(arrows).static_order():
        below[node] = arrows[node].union(*(below[target] for target in arrows[node]))
    return {
        node: {target for target in targets if not any(target in below[other] for other in targets)}
        for node, targets in arrows.items()
    }


def floors(arrows: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the floor of each node: one above what it imports, or close below who imports it where it imports none."""
    floor: dict[str, int] = {}
    for node in TopologicalSorter(arrows).static_order():
        floor[node] = max((floor[target] + 1 for target in arrows[node]), default=0)
    for node in (node for node, targets in arrows.items() if not targets):
        floor[node] = min((floor[other] - 1 for other, targets in arrows.items() if node in targets), default=0)
    return floor


def _imports(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    yield from (alias.name for alias in names)
                case ast.ImportFrom(module=str(module), names=names):
                    yield module
                    yield from (f"{module}.{alias.name}" for alias in names)


def _first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")

"""Place the nodes of a layered drawing: floors from top to bottom, few crossings, short arrows."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from tools.architecture.graph import Arrows, floors

BOX_WIDTH, BOX_HEIGHT = 250, 64
LANE_WIDTH = 16
"""Room for an arrow that passes a floor."""
GAP = 24
FLOOR_HEIGHT = 108
_ROUNDS = 24


@dataclass(frozen=True, order=True)
class Lane:
    """Where an arrow passes a floor that lies between its ends."""

    source: str
    target: str
    floor: int


Node = str | Lane


@dataclass(frozen=True)
class Layout:
    """The middle of each node, and the way of each arrow through the nodes, all in pixels."""

    places: Mapping[Node, tuple[float, float]]
    ways: list[list[Node]]
    width: float
    height: float


def lay_out(arrows: Arrows) -> Layout:
    """Place reduced arrows on floors, the highest at the top."""
    floor = floors(arrows)
    ways: list[list[Node]] = [
        [source, *(Lane(source, target, between) for between in range(floor[source] - 1, floor[target], -1)), target]
        for source, targets in sorted(arrows.items())
        for target in sorted(targets)
    ]
    top = max(floor.values())
    rows: list[list[Node]] = [[] for _ in range(top + 1)]
    for node in sorted(floor):
        rows[top - floor[node]].append(node)
    for lane in sorted({node for way in ways for node in way if isinstance(node, Lane)}):
        rows[top - lane.floor].append(lane)
    across = _across(rows, _neighbours(ways))
    left = min(place - _width(node) / 2 for node, place in across.items())
    right = max(place + _width(node) / 2 for node, place in across.items())
    places = {
        node: (across[node] - left, row * FLOOR_HEIGHT + BOX_HEIGHT / 2)
        for row, nodes in enumerate(rows)
        for node in nodes
    }
    return Layout(places, ways, right - left, top * FLOOR_HEIGHT + BOX_HEIGHT)


def _neighbours(ways: list[list[Node]]) -> dict[Node, list[Node]]:
    near: dict[Node, list[Node]] = {}
    for way in ways:
        for upper, lower in pairwise(way):
            near.setdefault(upper, []).append(lower)
            near.setdefault(lower, []).append(upper)
    return near


def _across(rows: list[list[Node]], near: dict[Node, list[Node]]) -> dict[Node, float]:
    """Return the middle of each node across: in turns, a row is ordered and pulled towards its neighbours."""
    across: dict[Node, float] = {}
    for row in rows:
        across |= _spread(row, dict.fromkeys(row, 0.0))
    for turn in range(_ROUNDS):
        for row in rows if turn % 2 else rows[::-1]:
            wished = {
                node: fsum(across[other] for other in near[node]) / len(near[node]) if near.get(node) else across[node]
                for node in row
            }
            row.sort(key=lambda node: (wished[node], str(node)))
            across |= _spread(row, wished)
    return across


def _spread(row: list[Node], wished: dict[Node, float]) -> dict[Node, float]:
    """Return places in the row's order without overlaps, their mean where the wishes have theirs."""
    places: dict[Node, float] = {}
    edge = float("-inf")
    for node in row:
        places[node] = max(wished[node], edge + _width(node) / 2)
        edge = places[node] + _width(node) / 2 + GAP
    shift = fsum(wished[node] - places[node] for node in row) / len(row)
    return {node: place + shift for node, place in places.items()}


def _width(node: Node) -> float:
    return BOX_WIDTH if isinstance(node, str) else LANE_WIDTH

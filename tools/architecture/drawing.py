"""Draw the layout as SVG: boxes with a name and a sentence, an arrow from who imports to what is imported."""

import textwrap
from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path

from tools.architecture import graph
from tools.architecture.layout import BOX_HEIGHT, BOX_WIDTH, Layout, Node, lay_out

_MARGIN = 28
_HEADING = 44
_PORT_GAP = 22
_HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" fill="#7b8794"/></marker>'
)
_STYLE = """
  text { font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #1f2933; }
  .name { font-size: 15px; font-weight: bold; text-anchor: middle; }
  .for { font-size: 11px; fill: #52606d; text-anchor: middle; }
  .heading { font-size: 16px; font-weight: bold; }
  .note { font-size: 12px; fill: #52606d; text-anchor: end; }
  .box { stroke-width: 1.5; rx: 6px; }
  .frame { fill: #fbfcfd; stroke: #cbd2d9; rx: 10px; }
  .arrow { fill: none; stroke: #7b8794; stroke-width: 1.5; }
"""


def draw(root: Path) -> str:
    """Return the drawing of a repository as SVG."""
    upper = _cluster(graph.folders(root), graph.reduced(graph.folder_arrows(root)), "#fff7e6", "#d99a2b")
    lower = _cluster(graph.rooms(root), graph.reduced(graph.room_arrows(root)), "#eaf4fb", "#4a90c2")
    width = max(upper.width, lower.width) + 4 * _MARGIN
    first = _frame(upper, width, _MARGIN, "The repository's folders", "all of them import the library")
    second_top = _MARGIN + upper.height + _HEADING + 3 * _MARGIN
    second = _frame(lower, width, second_top, "The library: shared/nightshift/", "a room imports only rooms below it")
    height = second_top + lower.height + _HEADING + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">',
        "<title>Who imports whom</title>",
        "<!-- Drawn from the imports by `make architecture`. -->",
        f"<style>{_STYLE}</style>",
        f"<defs>{_HEAD}</defs>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *first,
        *second,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


class _Cluster:
    def __init__(self, layout: Layout, parts: list[str]) -> None:
        self.parts, self.width, self.height = parts, layout.width, layout.height


def _cluster(texts: Mapping[str, str], arrows: graph.Arrows, fill: str, stroke: str) -> _Cluster:
    layout = lay_out(arrows)
    return _Cluster(layout, [*_arrows(layout), *_boxes(layout, texts, fill, stroke)])


def _frame(cluster: _Cluster, width: float, top: float, heading: str, note: str) -> Iterator[str]:
    left = (width - cluster.width) / 2
    yield (
        f'<rect class="frame" x="{_MARGIN}" y="{top:.0f}" width="{width - 2 * _MARGIN:.0f}"'
        f' height="{cluster.height + _HEADING + _MARGIN:.0f}"/>'
    )
    yield f'<text class="heading" x="{_MARGIN + 16}" y="{top + 26:.0f}">{escape(heading)}</text>'
    yield f'<text class="note" x="{width - _MARGIN - 16:.0f}" y="{top + 26:.0f}">{escape(note)}</text>'
    yield f'<g transform="translate({left:.0f} {top + _HEADING:.0f})">'
    yield from cluster.parts
    yield "</g>"


def _boxes(layout: Layout, texts: Mapping[str, str], fill: str, stroke: str) -> Iterator[str]:
    for name, text in texts.items():
        across, down = layout.places[name]
        yield (
            f'<rect class="box" x="{across - BOX_WIDTH / 2:.0f}" y="{down - BOX_HEIGHT / 2:.0f}"'
            f' width="{BOX_WIDTH}" height="{BOX_HEIGHT}" fill="{fill}" stroke="{stroke}"/>'
        )
        yield f'<text class="name" x="{across:.0f}" y="{down - 12:.0f}">{escape(name)}</text>'
        for row, line in enumerate(textwrap.wrap(text, 39, max_lines=2, placeholder=" …")):
            yield f'<text class="for" x="{across:.0f}" y="{down + 6 + 15 * row:.0f}">{escape(line)}</text>'


def _arrows(layout: Layout) -> Iterator[str]:
    for way in layout.ways:
        points = [_port(layout, way, way[0]), *_lanes(layout, way[1:-1]), _port(layout, way, way[-1])]
        yield f'<path class="arrow" d="{_path(points)}" marker-end="url(#head)"/>'


def _port(layout: Layout, way: list[Node], node: Node) -> tuple[float, float]:
    """Return where an arrow leaves or reaches a box: side by side with its other arrows, in the order of their ends."""
    end = 0 if node == way[0] else -1
    beside = 1 if end == 0 else -2
    others = sorted(layout.places[other[beside]][0] for other in layout.ways if other[end] == node)
    turn = others.index(layout.places[way[beside]][0]) - (len(others) - 1) / 2
    across, down = layout.places[node]
    return across + turn * _PORT_GAP, down + (BOX_HEIGHT / 2 if end == 0 else -BOX_HEIGHT / 2)


def _lanes(layout: Layout, lanes: list[Node]) -> Iterator[tuple[float, float]]:
    """Yield where an arrow comes to a floor that it passes, and where it leaves it."""
    for lane in lanes:
        across, down = layout.places[lane]
        yield across, down - BOX_HEIGHT / 2
        yield across, down + BOX_HEIGHT / 2


def _path(points: list[tuple[float, float]]) -> str:
    """Return a path that is bent between floors and straight beside boxes."""
    path = f"M{points[0][0]:.0f},{points[0][1]:.0f}"
    for (from_x, from_y), (to_x, to_y) in pairwise(points):
        bend = (to_y - from_y) / 2
        path += f" C{from_x:.0f},{from_y + bend:.0f} {to_x:.0f},{to_y - bend:.0f} {to_x:.0f},{to_y:.0f}"
    return path

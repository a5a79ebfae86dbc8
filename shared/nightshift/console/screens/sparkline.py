"""A sparkline as the points of an SVG polyline, with marks of what happened meanwhile."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

WIDTH, HEIGHT = 90, 18
Kind = Literal["deploy", "pause", "redrive"]


class Mark(NamedTuple):
    """Something that happened: a line across the chart."""

    kind: Kind
    at: datetime
    text: str


class Placed(NamedTuple):
    """A mark at its place."""

    x: float
    mark: Mark


class Sparkline(NamedTuple):
    """The points of the line, what it says in words, and its marks."""

    points: str
    words: str
    marks: Sequence[Placed] = ()


def sparkline(values: Sequence[int], words: str) -> Sparkline | None:
    """Return the line of the last values, the newest at the right; None of fewer than two."""
    known = values[-WIDTH:]
    if len(known) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    top, left = max(*known, 1), WIDTH - len(known)
    points = " ".join(f"{left + at},{HEIGHT - 1 - value * (HEIGHT - 2) / top:.1f}" for at, value in enumerate(known))
    return Sparkline(points, words.format(least=min(known), most=max(known)))

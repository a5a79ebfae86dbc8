"""A sparkline as the points of an SVG polyline."""

from collections.abc import Iterable
from typing import NamedTuple

WIDTH, HEIGHT = 90, 18


class Sparkline(NamedTuple):
    """The points of the line, and what it says in words."""

    points: str
    words: str


def sparkline(values: Iterable[int]) -> Sparkline | None:
    """Return the line of the last values, the newest at the right; None of fewer than two."""
    known = list(values)[-WIDTH:]
    if len(known) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    top, left = max(*known, 1), WIDTH - len(known)
    points = " ".join(f"{left + at},{HEIGHT - 1 - value * (HEIGHT - 2) / top:.1f}" for at, value in enumerate(known))
    words = f"waiting in the last {max(1, round(len(known) / 6))} min: {min(known):,} to {max(known):,}"
    return Sparkline(points, words)

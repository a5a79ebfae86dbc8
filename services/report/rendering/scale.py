"""The vertical scale of a chart: round steps that a person can read."""

import math

_STEPS = (1, 2, 2.5, 5, 10)
_LINES = 4


def ticks(highest: int) -> list[int]:
    """Values from 0 to at least `highest` (both included), evenly spaced, at most five: where the lines are drawn."""
    if highest <= 0:
        return [0, 1]
    rough = highest / _LINES
    power = 10.0 ** math.floor(math.log10(rough))
    steps = (factor * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))
    whole = round(next((step for step in steps if step >= 1 and step == round(step)), 1))
    return [whole * number for number in range(math.ceil(highest / whole) + 1)]


def labelled(count: int, most: int) -> list[int]:
    """Which of `count` days are labelled, at most `most` of them, evenly spaced, the last one always."""
    step = max(1, math.ceil(count / most))
    return [number for number in range(count) if (count - 1 - number) % step == 0]

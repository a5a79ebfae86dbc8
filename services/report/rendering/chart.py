"""Lay out a chart of one figure by day: widths in per cent and text in pixels, so that it stays readable at any width.

The template `chart.html` draws the result as SVG.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services.report.rendering.document import DayChart
from services.report.rendering.formatting import Unit, amount, rounded

TOP, BOTTOM, HEIGHT = 22, 162, 190
"""Pixels from above: the highest gridline, the base line, the whole drawing."""
AXIS_WIDTH = 64
_MAX_LABELS = 7
_MAX_DAYS_WITH_VALUES = 7
"""With more days than that, the values above the bars would overlap."""
_SHORT_VALUE = 4
"""Characters of a value that fit above its bar on a narrow screen."""
_STEPS = (1, 2, 2.5, 5, 10)
_GRIDLINES = 4


@dataclass(slots=True, frozen=True)
class Label:
    """A piece of text in the drawing."""

    text: str
    x: str
    y: float
    anchor: str
    css_class: str = ""


@dataclass(slots=True, frozen=True)
class Gridline:
    """A horizontal line, and its label on the axis."""

    y: float
    label: str
    css_class: str


@dataclass(slots=True, frozen=True)
class Bar:
    """A bar; `css_class` is `now` or `before`."""

    x: str
    width: str
    y: float
    height: float
    css_class: str


@dataclass(slots=True, frozen=True)
class Column:
    """Everything about one day; the whole column shows the tooltip, however low its bars are."""

    x: str
    width: str
    tooltip: str
    bars: Sequence[Bar] = ()
    value: Label | None = None


@dataclass(slots=True, frozen=True)
class Drawing:
    """A chart that is laid out; `description` is for readers who cannot see it, `line` the points of an area's top."""

    title: str
    description: str
    gridlines: Sequence[Gridline]
    columns: Sequence[Column]
    dates: Sequence[Label]
    line: str = ""


def has_values(chart: DayChart) -> bool:
    """Tell whether there is anything to draw."""
    return any(chart.values) or any(chart.before or ())


def draw(chart: DayChart, compared_with: str) -> Drawing:
    """Lay out a chart that has values."""
    marks = ticks(max(*chart.values, *(chart.before or ()), 0))
    is_area = chart.shape == "area"
    return Drawing(
        chart.title,
        _description(chart, compared_with),
        [Gridline(_y(mark, marks[-1]), _short(mark, chart.unit), "line" if mark else "base") for mark in marks],
        list(_hover_columns(chart) if is_area else _columns(chart, marks[-1])),
        list(_dates(chart.days)),
        _line(chart, marks[-1]) if is_area else "",
    )


def ticks(highest: int) -> list[int]:
    """Return the values of the gridlines: evenly spaced round numbers from 0 to at least `highest`, at most six."""
    if highest <= 0:
        return [0, 1]
    rough = highest / _GRIDLINES
    power = 10.0 ** math.floor(math.log10(rough))
    steps = (factor * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))
    whole = round(next((step for step in steps if step >= 1 and step == round(step)), 1))
    return [whole * number for number in range(math.ceil(highest / whole) + 1)]


def labelled(count: int, max_labels: int) -> list[int]:
    """Choose which of `count` days get a label: at most `max_labels`, evenly spaced, always the last."""
    step = max(1, math.ceil(count / max_labels))
    return [number for number in range(count) if (count - 1 - number) % step == 0]


def _description(chart: DayChart, compared_with: str) -> str:
    if chart.shape == "area":
        first, last = amount(chart.values[0], chart.unit), amount(chart.values[-1], chart.unit)
        return f"{chart.title}: from {first} to {last} in {len(chart.days)} days."
    highest = max(range(len(chart.values)), key=lambda number: chart.values[number])
    most = f"most on {_day(chart.days[highest])} with {amount(chart.values[highest], chart.unit)}"
    total = amount(sum(chart.values), chart.unit)
    before = f"; {amount(sum(chart.before), chart.unit)} in {compared_with}" if chart.before is not None else ""
    return f"{chart.title}: {total} in {len(chart.days)} days, {most}{before}."


def _columns(chart: DayChart, highest: int) -> Iterator[Column]:
    width = 100 / len(chart.days)
    for number, (day, value) in enumerate(zip(chart.days, chart.values, strict=True)):
        before = None if chart.before is None else chart.before[number]
        left, bars = number * width, []
        if before is not None:
            bars.append(_bar(left + width * 0.12, width * 0.34, before, highest, "before"))
        inset, wide = (0.2, 0.6) if before is None else (0.42, 0.46)
        bars.append(_bar(left + width * inset, width * wide, value, highest, "now"))
        label = _value(left + width * (inset + wide / 2), value, highest, chart.unit)
        shown = label if len(chart.days) <= _MAX_DAYS_WITH_VALUES else None
        yield Column(_percent(left), _percent(width), _tooltip(day, value, before, chart.unit), bars, shown)


def _hover_columns(chart: DayChart) -> Iterator[Column]:
    width = 100 / len(chart.days)
    for number, (day, value) in enumerate(zip(chart.days, chart.values, strict=True)):
        yield Column(_percent(number * width), _percent(width), _tooltip(day, value, None, chart.unit))


def _line(chart: DayChart, highest: int) -> str:
    """Return the points of the line, in units of 1000 for the whole width."""
    count = len(chart.values)
    points = [((number + 0.5) / count * 1000, _y(value, highest)) for number, value in enumerate(chart.values)]
    points = [(0.0, points[0][1]), *points, (1000.0, points[-1][1])]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _bar(left: float, width: float, value: int, highest: int, css_class: str) -> Bar:
    # A value that is not zero is never invisible.
    height = max(BOTTOM - _y(value, highest), 1.5 if value else 0)
    return Bar(_percent(left), _percent(width), BOTTOM - height, round(height, 1), css_class)


def _value(middle: float, value: int, highest: int, unit: Unit) -> Label:
    text = _short(value, unit)
    css_class = "value long" if len(text) > _SHORT_VALUE else "value"
    return Label(text, _percent(middle), _y(value, highest) - 5, "middle", css_class)


def _dates(days: Sequence[date]) -> Iterator[Label]:
    """Label the days; on a narrow screen every other label, of class `odd`, is hidden."""
    width, numbers = 100 / len(days), labelled(len(days), _MAX_LABELS)
    for place, number in enumerate(reversed(numbers)):
        at_edge = number == len(days) - 1 and len(days) > _MAX_DAYS_WITH_VALUES
        x = 100.0 if at_edge else (number + 0.5) * width
        text = f"{days[number]:%a} {days[number].day}" if len(days) <= _MAX_LABELS else _day(days[number])
        yield Label(text, _percent(x), BOTTOM + 19, "end" if at_edge else "middle", "odd" if place % 2 else "")


def _tooltip(day: date, value: int, before: int | None, unit: Unit) -> str:
    text = f"{day:%A}, {_day(day)}: {amount(value, unit)}"
    return text if before is None else f"{text} ({amount(before, unit)} before)"


def _short(value: int, unit: Unit) -> str:
    """Format a value beside a bar or a line; zero needs no unit, and the tooltip has the whole number."""
    return rounded(value, unit) if value else "0"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _y(value: int, highest: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / highest, 1)


def _percent(value: float) -> str:
    return f"{value:.3f}%"

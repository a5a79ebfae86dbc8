"""Draws a figure by day as SVG: widths in per cent and text in pixels, so that it stays readable at any width."""

from collections.abc import Iterator, Sequence
from datetime import date

from services.report.rendering.document import DayChart
from services.report.rendering.formatting import Unit, amount
from services.report.rendering.markup import Markup, element, join
from services.report.rendering.scale import labelled, ticks

_TOP, _BOTTOM, _HEIGHT = 22, 162, 190
"""Pixels from above: of the highest line, the base line, the whole drawing."""
_AXIS_WIDTH = 64
_MOST_LABELS = 7
_VALUES_UP_TO = 7
"""With more days than that, the values over the bars would run into each other."""
_SHORT = 4
"""Characters of a value that fit over its bar on a narrow screen."""


def chart(drawn: DayChart, compared_with: str) -> Markup:
    """A figure with its caption and legend; what it shows is told in its label, and each day in a tooltip."""
    if not any(drawn.values) and not any(drawn.before or ()):
        return element("figure", _caption(drawn), element("p", drawn.empty, class_="empty"))
    marks = ticks(max(*drawn.values, *(drawn.before or ()), 0))
    shapes = _area(drawn, marks[-1]) if drawn.shape == "area" else _bars(drawn, marks[-1])
    plot = element(
        "svg",
        [_lines(marks), join(shapes), _dates(drawn.days)],
        class_="plot",
        height=_HEIGHT,
        role="img",
        aria_label=_told(drawn, compared_with),
    )
    legend = _legend(compared_with) if drawn.before is not None else ""
    return element(
        "figure", _caption(drawn), legend, element("div", _axis(marks, drawn.unit), plot, class_="chart"), class_="days"
    )


def _caption(drawn: DayChart) -> Markup:
    return element("figcaption", drawn.title)


def _legend(compared_with: str) -> Markup:
    keys = [element("span", element("i", class_="key now"), "these days")]
    keys.append(element("span", element("i", class_="key before"), compared_with))
    return element("p", keys, class_="legend", aria_hidden="true")


def _told(drawn: DayChart, compared_with: str) -> str:
    highest = max(range(len(drawn.values)), key=lambda number: drawn.values[number])
    most = f"most on {_day(drawn.days[highest])} with {amount(drawn.values[highest], drawn.unit)}"
    if drawn.shape == "area":
        first, last = amount(drawn.values[0], drawn.unit), amount(drawn.values[-1], drawn.unit)
        return f"{drawn.title}: from {first} to {last} in {len(drawn.days)} days."
    total = amount(sum(drawn.values), drawn.unit)
    before = f"; {amount(sum(drawn.before), drawn.unit)} in {compared_with}" if drawn.before is not None else ""
    return f"{drawn.title}: {total} in {len(drawn.days)} days, {most}{before}."


def _axis(marks: Sequence[int], unit: Unit) -> Markup:
    labels = [
        element("text", _short(mark, unit), x=_AXIS_WIDTH - 8, y=_y(mark, marks[-1]) + 4, text_anchor="end")
        for mark in marks
    ]
    return element("svg", labels, class_="axis", width=_AXIS_WIDTH, height=_HEIGHT, aria_hidden="true")


def _short(value: int, unit: Unit) -> str:
    """A zero needs no unit."""
    return amount(value, unit) if value else "0"


def _lines(marks: Sequence[int]) -> Markup:
    lines = (
        element("line", x1="0", x2="100%", y1=y, y2=y, class_="base" if mark == 0 else "line")
        for mark in marks
        for y in [_y(mark, marks[-1])]
    )
    return join(lines)


def _bars(drawn: DayChart, highest: int) -> Iterator[Markup]:
    width = 100 / len(drawn.days)
    for number, (day, value) in enumerate(zip(drawn.days, drawn.values, strict=True)):
        old = None if drawn.before is None else drawn.before[number]
        left, parts = number * width, [element("title", _tooltip(day, value, old, drawn.unit))]
        # The whole column answers to the pointer, also where its bar is low.
        parts.append(_column(left, width))
        if old is not None:
            parts.append(_bar(left + width * 0.12, width * 0.34, old, highest, "before"))
        inset, wide = (0.2, 0.6) if old is None else (0.42, 0.46)
        parts.append(_bar(left + width * inset, width * wide, value, highest, "now"))
        if len(drawn.days) <= _VALUES_UP_TO:
            parts.append(_value(left + width * (inset + wide / 2), value, highest, drawn.unit))
        yield element("g", parts)


def _column(left: float, width: float) -> Markup:
    return element("rect", x=_percent(left), width=_percent(width), y=0, height=_BOTTOM, class_="column")


def _value(middle: float, value: int, highest: int, unit: Unit) -> Markup:
    label, y = _short(value, unit), _y(value, highest) - 5
    kind = "value long" if len(label) > _SHORT else "value"
    return element("text", label, x=_percent(middle), y=y, text_anchor="middle", class_=kind)


def _tooltip(day: date, value: int, before: int | None, unit: Unit) -> str:
    told = f"{day:%A}, {_day(day)}: {amount(value, unit)}"
    return told if before is None else f"{told} ({amount(before, unit)} before)"


def _bar(left: float, width: float, value: int, highest: int, kind: str) -> Markup:
    top = _y(value, highest)
    tall = max(_BOTTOM - top, 1.5 if value else 0)
    return element(
        "rect", x=_percent(left), width=_percent(width), y=_BOTTOM - tall, height=round(tall, 1), rx="2", class_=kind
    )


def _area(drawn: DayChart, highest: int) -> Iterator[Markup]:
    """The area under a line; drawn in units of its own, stretched to the width."""
    count = len(drawn.values)
    points = [((number + 0.5) / count * 1000, _y(value, highest)) for number, value in enumerate(drawn.values)]
    points = [(0.0, points[0][1]), *points, (1000.0, points[-1][1])]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ground = f"0,{_BOTTOM} {line} 1000,{_BOTTOM}"
    shapes = [element("polygon", points=ground, class_="ground"), element("polyline", points=line, class_="top")]
    box: dict[str, str | float | None] = {"viewBox": f"0 0 1000 {_HEIGHT}", "preserveAspectRatio": "none"}
    yield element("svg", shapes, width="100%", height=_HEIGHT, **box)
    width = 100 / count
    for number, (day, value) in enumerate(zip(drawn.days, drawn.values, strict=True)):
        title = element("title", _tooltip(day, value, None, drawn.unit))
        yield element("g", title, _column(number * width, width))


def _dates(days: Sequence[date]) -> Markup:
    """On a narrow screen every other one is left out."""
    width, numbers = 100 / len(days), labelled(len(days), _MOST_LABELS)
    labels = []
    for place, number in enumerate(reversed(numbers)):
        at_edge = number == len(days) - 1 and len(days) > _VALUES_UP_TO
        x = 100.0 if at_edge else (number + 0.5) * width
        anchor, odd = "end" if at_edge else "middle", "odd" if place % 2 else None
        label = _label(days[number], len(days))
        labels.append(element("text", label, x=_percent(x), y=_BOTTOM + 19, text_anchor=anchor, class_=odd))
    return join(labels)


def _label(day: date, days: int) -> str:
    return f"{day:%a} {day.day}" if days <= _MOST_LABELS else _day(day)


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _y(value: int, highest: int) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * value / highest, 1)


def _percent(value: float) -> str:
    return f"{value:.3f}%"

"""Writes a report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from services.report.rendering.chart import chart
from services.report.rendering.document import Column, Document, Section, Table, Tile
from services.report.rendering.formatting import NOTHING, Value, amount, change, shown
from services.report.rendering.markup import Markup, element

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Should a text ever get into the page as markup, it can neither run nor load anything."""


def page(report: Document, *, application: str, report_id: str, zone: str) -> str:
    """The whole page. It says nothing about when or by whom it was made: made again, it is the same."""
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="robots", content="noindex"),
        element("title", f"{report.name}, {report.about}, {application}"),
        element("style", Markup(_style())),
    ]
    main = [
        _header(report, application),
        element("div", [_tile(tile, report.compared_with) for tile in report.tiles], class_="tiles"),
        [_section(number, section, report.compared_with) for number, section in enumerate(report.sections)],
        element("footer", f"Report {report_id}. Days are those of the time zone {zone}."),
    ]
    body = element("body", element("main", main))
    return "<!doctype html>\n" + element("html", element("head", head), body, lang="en") + "\n"


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _header(report: Document, application: str) -> Markup:
    about = f"{report.about}, compared with {report.compared_with}"
    return element(
        "header",
        element("p", application, class_="application"),
        element("h1", report.name),
        element("p", about, class_="about"),
    )


def _tile(tile: Tile, compared_with: str) -> Markup:
    value = NOTHING if tile.value is None else amount(tile.value, tile.unit)
    parts = [element("p", tile.label, class_="label"), element("p", value, class_="figure")]
    if tile.value is not None and tile.before is not None:
        news = element("b", change(tile.value, tile.before), class_=_news(tile))
        before = "" if tile.value == tile.before else f" from {amount(tile.before, tile.unit)}"
        parts.append(element("p", news, before, class_="change"))
    if tile.note:
        parts.append(element("p", tile.note, class_="note"))
    return element("section", parts, class_="tile", title=f"Compared with {compared_with}")


def _news(tile: Tile) -> str | None:
    """How the change is coloured; the sign in the text says the same."""
    difference = (tile.value or 0) - (tile.before or 0)
    if tile.better == "neither" or difference == 0:
        return None
    return "good" if (difference > 0) is (tile.better == "more") else "bad"


def _section(number: int, section: Section, compared_with: str) -> Markup:
    name = f"section-{number + 1}"
    content = [_table(part) if isinstance(part, Table) else chart(part, compared_with) for part in section.parts]
    return element(
        "section",
        element("h2", section.title, id=name),
        element("p", section.text, class_="text") if section.text else "",
        content,
        class_="card",
        aria_labelledby=name,
    )


def _table(table: Table) -> Markup:
    caption = element("figcaption", table.title)
    if not table.rows:
        return element("figure", caption, element("p", table.empty, class_="empty"))
    head = element("tr", list(_headings(table)))
    highest = [_highest(table.rows, number) for number in range(len(table.columns))]
    rows = [element("tr", list(_cells(table, row, highest))) for row in table.rows]
    written = element("table", element("thead", head), element("tbody", rows), aria_label=table.title)
    note = element("p", table.note, class_="note") if table.note else ""
    return element("figure", caption, element("div", written, class_="scroll", tabindex="0"), note)


def _headings(table: Table) -> Iterator[Markup]:
    under = [element("small", column.label) for column in table.columns if column.under]
    for number, column in _beside(table):
        side = _side(table, number)
        yield element("th", column.label, under if number == 0 else "", scope="col", class_=side)
        if column.bar:
            yield element("td", class_="bar")


def _cells(table: Table, row: Sequence[Value], highest: Sequence[int]) -> Iterator[Markup]:
    under = [element("small", shown(value)) for column, value in zip(table.columns, row, strict=True) if column.under]
    for number, column in _beside(table):
        value = row[number]
        if number == 0:
            yield element("th", shown(value), under, scope="row")
        else:
            yield element("td", shown(value, column.unit), class_=_side(table, number))
        if column.bar:
            yield element("td", _meter(value, highest[number]), class_="bar", aria_hidden="true")


def _beside(table: Table) -> Iterator[tuple[int, Column]]:
    return ((number, column) for number, column in enumerate(table.columns) if not column.under)


def _meter(value: Value, highest: int) -> Markup:
    width = f"{100 * value / highest:.1f}%" if isinstance(value, int) and highest else "0"
    return element("svg", element("rect", width=width, height="8", rx="2"), class_="meter", height="8")


def _side(table: Table, number: int) -> str | None:
    """Numbers, shares and instants are set to the right, under one another; so is their heading."""
    values = [row[number] for row in table.rows]
    is_text = number == 0 or any(isinstance(value, str) and not value.endswith("%") for value in values)
    return None if is_text else "number"


def _highest(rows: Sequence[Sequence[Value]], number: int) -> int:
    return max((value for row in rows if isinstance(value := row[number], int)), default=0)

"""The page of a report: self-contained, accessible, and safe from what stands in names."""

import re
from datetime import date

import pytest

from services.report.rendering.document import DayChart, Document, Section, Table
from services.report.rendering.html_page import page
from services.report.reports import storage_usage, user_activity, weekly_summary
from tests.unit.services.report.figures import NONE, activity, dead_letters, request, storage, weekly
from tests.unit.services.report.test_templates import Seen

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\"'&lt;"
OURS = {"html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer", "div", "p", "b", "i"}
OURS |= {"h1", "h2", "figure", "figcaption", "span", "small", "table", "thead", "tbody", "tr", "th", "td"}
OURS |= {"svg", "g", "line", "rect", "text", "polygon", "polyline"}


def reports(name: str = "Ada") -> list[Document]:
    """One of each kind."""
    letters = dead_letters({"email.send": 1})
    return [
        weekly_summary.lay_out(weekly(), request(dead_letters=letters, earlier_dead_letters=letters)),
        user_activity.lay_out(activity(name, by_action=[(name, 3)]), request()),
        storage_usage.lay_out(storage(name), request()),
    ]


def written(report: Document, application: str = "Acme") -> str:
    """As the service writes it."""
    return page(report, application=application, report_id="report-1", zone="UTC")


@pytest.mark.parametrize("number", range(3))
def test_a_page_needs_nothing_else(number: int) -> None:
    """No script, and nothing that is fetched from anywhere; its policy forbids both."""
    html = written(reports()[number])
    seen = Seen(html)
    assert not [attributes for _, attributes in seen.elements if {"src", "href", "srcset", "action"} & set(attributes)]
    assert not re.search(r"url\(|@import|<script", html)
    policy = {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"}
    assert ("meta", policy) in seen.elements


@pytest.mark.parametrize("number", range(3))
def test_no_name_becomes_markup(number: int) -> None:
    """A user, a file, a type or an application may be called anything: it is shown as it is."""
    seen = Seen(written(reports(HOSTILE)[number], application=HOSTILE))
    assert {name for name, _ in seen.elements} <= OURS
    assert not [attributes for _, attributes in seen.elements if any(key.startswith("on") for key in attributes)]
    assert HOSTILE in seen.text


@pytest.mark.parametrize("number", range(3))
def test_a_page_can_be_read_aloud(number: int) -> None:
    """It has a language and one first heading, each chart tells what it shows, each table names rows and columns."""
    seen = Seen(written(reports()[number]))
    names = [name for name, _ in seen.elements]
    assert ("html", {"lang": "en"}) in seen.elements
    assert names.count("h1") == 1
    drawings = [attributes for name, attributes in seen.elements if name == "svg" and attributes.get("class") == "plot"]
    assert drawings
    assert all(attributes.get("role") == "img" and attributes.get("aria-label") for attributes in drawings)
    assert all(attributes.get("scope") for name, attributes in seen.elements if name == "th")


def test_the_same_report_is_the_same_page() -> None:
    """It says nothing about when it was made, so a repeated run replaces it with itself."""
    assert written(reports()[0]) == written(reports()[0])


def test_good_and_bad_news_are_told_by_sign_as_well_as_by_colour() -> None:
    """More dead letters are bad news, more users good."""
    now, before = dead_letters({"email.send": 4}), dead_letters({"email.send": 2})
    html = written(weekly_summary.lay_out(weekly(), request(dead_letters=now, earlier_dead_letters=before)))
    assert re.search(r'<b class="bad">\+100.%</b> from 2<', html)
    assert re.search(r'<b class="good">\+30.%</b> from 92<', html)


def test_what_is_not_there_is_said_in_words() -> None:
    """No empty axes, no table without rows."""
    html = written(weekly_summary.lay_out(weekly(NONE, failed_uploads=0), request(dead_letters=dead_letters())))
    assert '<p class="empty">Nobody signed up.</p>' in html
    assert "No dead letters are waiting." in html
    assert 'class="plot"' not in html
    assert "<table" not in html


def test_a_figure_that_is_not_known_is_a_dash() -> None:
    """And never a zero."""
    html = written(weekly_summary.lay_out(weekly(), request()))
    assert '<p class="figure">\N{EM DASH}</p>' in html


def drawn(values: tuple[int, ...], before: tuple[int, ...] | None = None) -> str:
    """Draw bars of November's first days."""
    chart = DayChart("T", [date(2026, 11, 1 + number) for number in range(len(values))], values, before)
    return written(Document("T", "a", "b", [], [Section("S", [chart])], Table("T", [], [])))


def test_bars_are_as_high_as_their_values() -> None:
    """Measured from the line at zero, which is there always."""
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" rx="2" class="now"', drawn((0, 5, 10)))]
    assert heights == [0, 70, 140]


def test_the_days_before_share_the_scale() -> None:
    """Else the comparison would lie."""
    heights = re.findall(r'height="([\d.]+)" rx="2" class="(?:now|before)"', drawn((5,), (10,)))
    assert [float(height) for height in heights] == [140, 70]


def test_a_small_value_can_be_seen() -> None:
    """What is not zero is not drawn as nothing."""
    heights = re.findall(r'height="([\d.]+)" rx="2" class="now"', drawn((1, 1_000_000)))
    assert float(heights[0]) > 1


def test_each_day_tells_its_value() -> None:
    """To a pointer that rests on it."""
    assert "<title>Sunday, 1 Nov: 5 (10 before)</title>" in drawn((5,), (10,))


def test_a_drawing_tells_the_essence() -> None:
    """For who cannot see it."""
    assert 'aria-label="T: 9 in 2 days, most on 2 Nov with 5; 3 in b."' in drawn((4, 5), (1, 2))

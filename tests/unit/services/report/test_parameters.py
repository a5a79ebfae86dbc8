"""What a row may ask for, and what is said when it cannot be."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from nightshift.outcomes import Permanent
from services.report.parameters import parse_parameters, period_of
from services.report.period import Period
from services.report.registry import KINDS, kind_of

WRITTEN = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)


def period(parameters: Any) -> Period:
    """The days that a row asks for."""
    return period_of(parse_parameters(parameters), WRITTEN, default_days=7)


def test_a_row_that_asks_for_nothing_gets_the_usual_days_until_it_was_written() -> None:
    """In UTC, so a repeated run is about the same days."""
    found = period({})
    assert (found.end, len(found.days), found.zone.key) == (WRITTEN, 7, "UTC")


def test_days_end_and_time_zone_can_be_asked_for() -> None:
    """The end as RFC 3339 with a zone; what is not known is ignored."""
    found = period({"days": 2, "until": "2026-11-23T00:00:00+01:00", "timeZone": "Europe/Berlin", "colour": "red"})
    assert [day.date for day in found.days] == [date(2026, 11, 21), date(2026, 11, 22)]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"days": 0}, r"\$.days"),
        ({"days": 93}, r"\$.days"),
        ({"days": "7"}, r"\$.days"),
        ({"until": "2026-11-23"}, r"\$.until"),
        ({"until": "2026-11-23T00:00:00"}, r"\$.until"),
        ({"until": "0001-01-02T00:00:00Z"}, r"\$.until"),
        ({"timeZone": "Europe/Bärlin"}, r"no time zone 'Europe/Bärlin'"),
        ({"timeZone": "../etc"}, r"\$.timeZone"),
        ({"timeZone": ""}, r"\$.timeZone"),
        ([], "object"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(parameters: Any, reason: str) -> None:
    """At once: trying again would not change the row."""
    with pytest.raises(Permanent, match=f"its parameters are wrong: .*{reason}"):
        period(parameters)


def test_the_three_kinds_exist() -> None:
    """Under the names that rows use."""
    assert set(KINDS) == {"weekly-summary", "user-activity", "storage-usage"}
    assert kind_of("storage-usage") is KINDS["storage-usage"]


def test_an_unknown_kind_is_refused_with_what_may_have_been_meant() -> None:
    """And with those that there are."""
    with pytest.raises(Permanent, match=r"no kind of report 'weekly-sumary'; did you mean weekly-summary\? .*user-act"):
        kind_of("weekly-sumary")

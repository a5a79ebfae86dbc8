"""Dates as feeds write them: the right instant, or none."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.dates import instant

MORNING = "2026-02-05T08:00:00Z"


@pytest.mark.parametrize(
    "written",
    [
        "Thu, 05 Feb 2026 08:00:00 GMT",
        "Thu, 05 Feb 2026 08:00:00 +0000",
        "Thu, 05 Feb 2026 08:00:00 -0000",
        "Thu, 5 Feb 2026 8:00 UT",
        "Thu,05 Feb 2026 08:00:00 Z",
        "Thursday, 05-Feb-26 08:00:00 GMT",
        "5 February 26 08:00 UTC",
        "05 Feb 126 08:00:00 GMT",
        "Thu Feb  5 08:00:00 2026",
        "Thu Feb 05 08:00:00 +0000 2026",
        "Thu Feb 05 08:00:00 UTC 2026",
        "Thu Feb 05 2026 08:00:00 GMT+0000 (Coordinated Universal Time)",
        "February 5th, 2026 8:00 am",
        "Thu, 2026/02/05 08:00:00 GMT",
        "2026-02-05T08:00:00Z",
        "2026-02-05t08:00:00z",
        "2026-02-05T08:00Z",
        "2026-02-05 08:00:00",
        "2026-02-05 08:00:00.0",
        "2026-02-05 08:00:00 UTC",
        "2026/02/05 08:00:00",
        "2026.02.05 08:00",
        "20260205T080000Z",
        "2026-W06-4T08:00:00Z",
        "2026-036T08:00:00Z",
        "2026-002-05T08:00:00+00:00",
        "2026-2-5 8:00:00",
        "February 5, 2026 at 8:00 AM",
        "Do, 05 Feb 2026 09:00:00 +0100",
        "jeu., 05 févr. 2026 08:00:00 GMT",
        "jue, 05 feb 2026 08:00:00 +0000",
        "czw, 05 lut 2026 08:00:00 +0000",
        "Чт, 05 фев 2026 11:00:00 +0300",
        "Πεμ, 05 Φεβ 2026 08:00:00 GMT",
        "2026-február-05T3:00-05:00",
        "2026-02-05 오후 05:00:00",
        "2026년 02월 05일  17:00:00",
        "2026年2月5日 17:00 JST",
        "  Thu, 05 Feb 2026\n 08:00:00 GMT ",
    ],
)
def test_a_date_may_be_written_in_many_ways(written: str) -> None:
    """RFC 822 and 5322, RFC 850, asctime, JavaScript, SQL, W3C-DTF, ISO 8601; two and three digits of a year."""
    assert instant(written) == MORNING


@pytest.mark.parametrize("zone", ["+01:00[Europe/Berlin]", "[Europe/Berlin]", "[CET]"])
def test_a_zone_in_brackets_counts_where_there_is_no_offset(zone: str) -> None:
    """As Java writes it; behind an offset it says nothing new."""
    assert instant(f"2026-02-05T08:00:00{zone}") == "2026-02-05T07:00:00Z"


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("+0100", "07"),
        ("+01:00", "07"),
        ("+1", "07"),
        ("-0730", "15:30"),
        ("GMT+0100", "07"),
        ("UTC+1", "07"),
        ("GMT-01:01", "09:01"),
        ("+0100 CET", "07"),
        ("GMT+0100 (CET)", "07"),
        ("CET", "07"),
        ("cest", "06"),
        ("MEST", "06"),
        ("BST", "07"),
        ("MSK", "05"),
        ("JST", "23:00"),
        ("EST", "13"),
        ("PDT", "15"),
        ("ET", "13"),
        ("Etc/GMT", "08"),
        ("Europe/Berlin", "07"),
    ],
)
def test_a_zone_counts(zone: str, hour: str) -> None:
    """As offset with and without colon, by its abbreviation, or by its place; New York has winter time in February."""
    expected = f"T{hour}:00:00Z" if ":" not in hour else f"T{hour}:00Z"
    assert (instant(f"Thu, 05 Feb 2026 08:00:00 {zone}") or "").endswith(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-02-05T08:00:00+01:00[Europe/Paris]", "2026-02-05T07:00:00Z"),
        ("2026-07-05T08:00:00 ET", "2026-07-05T12:00:00Z"),
        ("Thu, 05 Feb 2026 08:00:00 PM GMT", "2026-02-05T20:00:00Z"),
        ("Thu, 05 Feb 2026 20:00:00 PM GMT", "2026-02-05T20:00:00Z"),
        ("Feb 5, 2026 12:30 AM", "2026-02-05T00:30:00Z"),
        ("Feb 5, 2026 12:30 p.m.", "2026-02-05T12:30:00Z"),
        ("Thu, 05 Feb 2026 24:00:00 GMT", "2026-02-06T00:00:00Z"),
        ("Wed, 31 Dec 2025 23:59:60 GMT", "2026-01-01T00:00:00Z"),
        ("Sun, 27 Sept 2026 08:00:00 GMT", "2026-09-27T08:00:00Z"),
        ("2026-02-05T08:00:00.5Z", "2026-02-05T08:00:00.500000Z"),
        ("2026-02-05T08:00:00,123456789Z", "2026-02-05T08:00:00.123456Z"),
        ("2004-02-28T18:14:55-08:00", "2004-02-29T02:14:55Z"),
        ("2026-02-05", "2026-02-05T00:00:00Z"),
        ("2026-02", "2026-02-01T00:00:00Z"),
        ("2026", "2026-01-01T00:00:00Z"),
        ("Thu, 05 Feb 2026", "2026-02-05T00:00:00Z"),
        ("Thu, 01 Jan 98 08:00 GMT", "1998-01-01T08:00:00Z"),
    ],
)
def test_what_is_unusual_is_read_all_the_same(written: str, expected: str) -> None:
    """Halves of days, midnight at the end of a day, leap seconds, fractions, only a day, month or year."""
    assert instant(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        "Mon, 01 Jan 0001 00:00:00 +0000",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "1970-01-01T00:00:00+01:00",
        "Mon, 01 Jan 1900 00:00:00 GMT",
        "1899-12-30T00:00:00Z",
        "0000-00-00 00:00:00",
        "9999-12-31T23:59:59Z",
    ],
)
def test_the_beginning_of_a_calendar_is_no_date(written: str) -> None:
    """It is what programs write that have none."""
    assert instant(written) is None


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "yesterday",
        "Thu, 05 Feb 2026 08:00:00 IST",
        "Thu, 05 Feb 2026 08:00:00 XYZ",
        "Thu, 05 Feb 2026 08:00:00 +9999",
        "Thu, 05 Feb 2026 08:00:00 +0175",
        "Thu, 05 Feb 2026 25:00:00 GMT",
        "Thu, 05 Feb 2026 24:00:01 GMT",
        "Thu, 05 Feb 2026 08:61:00 GMT",
        "Thu, 05 Feb 2026 15:00 AM",
        "Thu, 30 Feb 2026 08:00:00 GMT",
        "Thu, 99 Feb 2026 08:00:00 GMT",
        "Thu, 05 Fbr 2026 08:00:00 GMT",
        "05 jui 2026",  # June or July
        "2026年2月5日 17:00",  # in which country?
        "2026-2",
        "Thu, 05 Feb xx 08:00:00 GMT",
        "Thu, 05 Feb 2026 1:2:3:4 GMT",
        "05/02/2026",
        "26-02-05",
        "202602",
        "22013",
        "2026-02-05-01",
        "2026-367",
        "2026-W54-1",
        "2026-02-05T08:00:00-06:00Textra",
        "2026-02-05T08:xx:00Z",
    ],
)
def test_what_is_not_certain_is_no_date(written: str | None) -> None:
    """Days that do not exist, zones with several meanings, days that may be months: a wrong instant is worse."""
    assert instant(written) is None


@given(st.text() | st.datetimes().map(str) | st.from_regex(r"[0-9A-Z :+,/-]{0,40}"))
def test_no_date_is_too_strange(written: str) -> None:
    """An instant that can be read again, or None."""
    moment = instant(written)
    assert moment is None or datetime.fromisoformat(moment).utcoffset() is not None


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2199, 12, 30)), st.timezones())  # noqa: DTZ001
def test_what_python_writes_is_read(moment: datetime, zone: object) -> None:
    """An aware datetime in RFC 3339 comes back as the same instant."""
    aware = moment.replace(tzinfo=zone)  # type: ignore[arg-type] # hypothesis does not say which class it has
    offset = aware.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        return
    assert datetime.fromisoformat(instant(aware.isoformat()) or "") == aware

"""Read the dates that feeds contain. What is not certain is no date: a wrong instant is worse than none."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from nightshift.instants import rfc3339
from services.sync.month_names import month_number

_WEEKDAY = re.compile(r"\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?(?![a-z])", re.ASCII | re.IGNORECASE)
_WORD_IN_FRONT = re.compile(r"\s*([^\W\d_]+)\.?,")
_TIME_FOLLOWS = re.compile(r"(?:(?<=\d)T| at)\s*$", re.IGNORECASE)
_IDEOGRAPHS = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]", re.ASCII)
_KOREAN = re.compile(r"[년월일오전후]")
_KOREAN_HALF_DAY = re.compile(r"(오전|오후)\s*([\d:]+)")
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]\s*$")
"""The name of a zone behind its offset, as JavaScript and Java write it."""
_ZONE_ALONE = re.compile(r"(T\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\[([\w/+-]+)\]$", re.ASCII | re.IGNORECASE)
"""The same without an offset: the zone is all that there is (RFC 9557 has it behind an offset only)."""
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.ASCII | re.IGNORECASE)
_ISO_DATE = re.compile(
    r"(?P<year>\d{4})(?:(?P<sep>[-/.]?)"
    r"(?:(?P<ordinal>\d{3})(?!\d|(?P=sep)\d\d)|W(?P<week>\d{2})(?:(?P=sep)(?P<weekday>[1-7]))?"
    r"|0?(?P<month>\d{2}|\d(?=[-/.]))(?:(?P=sep)(?P<day>\d{2}|(?<=[-/.])\d(?!\d)))?))?(?=[T\s]|$)",
    re.ASCII | re.IGNORECASE,
)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?![\d:])", re.ASCII)
_PACKED_TIME = re.compile(r"(\d{2})(\d{2})(?:(\d{2})(?:[.,](\d{1,9}))?)?(?![\d:])", re.ASCII)
_YEAR_BEHIND = re.compile(r"(?<![\d+:-])(?:19|2[01])\d\d(?![\d:])", re.ASCII)
_HALF_DAY = re.compile(r"([AP])\.?M\.?(?=\s|$)", re.ASCII | re.IGNORECASE)
_OFFSET = re.compile(r"(?:GMT|UTC|UT)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII | re.IGNORECASE)
_PLACE = re.compile(r"[A-Za-z]+(?:/[A-Za-z_-]+){1,2}", re.ASCII)
_ZONES = """
Z 0 UT 0 UTC 0 UCT 0 GMT 0 ZULU 0 WET 0 ETC/GMT 0 ETC/UTC 0
EST -5 EDT -4 CST -6 CDT -5 MST -7 MDT -6 PST -8 PDT -7 AKST -9 AKDT -8 HST -10 NST -3.5 NDT -2.5 BRT -3
BST 1 WEST 1 CET 1 MET 1 CEST 2 MEST 2 EET 2 SAST 2 EEST 3 MSK 3 MSD 4
WIB 7 HKT 8 SGT 8 AWST 8 JST 9 KST 9 ACST 9.5 AEST 10 ACDT 10.5 AEDT 11 NZST 12 NZDT 13
"""
_HOURS = dict(zip(_ZONES.split()[::2], map(float, _ZONES.split()[1::2]), strict=True))
"""Hours from UTC of abbreviations that mean one zone (those of RFC 822 as it says); IST and others mean several."""
_PLACES = {"ET": "New_York", "CT": "Chicago", "MT": "Denver", "PT": "Los_Angeles", "AT": "Halifax"}
_CALENDAR_STARTS = tuple(datetime(year, 1, 1, tzinfo=UTC) for year in (1900, 1904, 1970))
"""What programs write that have no date."""
_YEARS = range(1900, 2200)
_DAY, _NOON, _LEAP_SECOND = 24, 12, 60
_MAX_OFFSET = timedelta(hours=14)


def instant(value: str | None) -> str | None:
    """Convert a date to RFC 3339 in UTC; return None if it cannot be read with certainty.

    A time without a zone is taken for UTC, as other feed readers do.
    """
    text = _ZONE_ALONE.sub(r"\1 \2", " ".join((value or "")[:200].split()))
    text = _digits_only(_ASIDE.sub(" ", text).strip())
    try:
        moment = _numeric(text) or _named(text)
        moment = moment and moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, hour or zone
        return None
    if moment is None or moment.year not in _YEARS:
        return None
    return None if any(abs(moment - start) <= _MAX_OFFSET for start in _CALENDAR_STARTS) else rfc3339(moment)


def _digits_only(text: str) -> str:
    """Write a date with Korean, Japanese or Chinese words for year, month and day as a date in digits.

    A time that is written in Korean is Korea's, unless it says otherwise; ideographs are used in several zones, so that
    a time beside them needs one.
    """
    plain = _IDEOGRAPHS.sub(r"\1-\2-\3", text)
    is_korean = _KOREAN.search(text) is not None
    if is_korean:
        plain = _KOREAN_HALF_DAY.sub(lambda half: f"{half[2]} {'AM' if half[1] == '오전' else 'PM'}", plain)
    elif plain == text:
        return text
    is_local = re.search(r"\d:\d\d(?::\d\d)?(?: [AP]M)?$", plain) is not None
    return plain if not is_local else f"{plain} {'KST' if is_korean else '?'}"


def _numeric(text: str) -> datetime | None:
    """Read ISO 8601 and its relatives: W3C-DTF, RFC 3339, SQL, and slashes or dots instead of hyphens."""
    found = _ISO_DATE.match(text)
    day = None if found is None else _iso_day(found)
    if found is None or day is None:
        return None
    rest = text[found.end() :].lstrip("Tt ")
    if not rest:
        return _midnight(day)
    time = _TIME.match(rest) or _PACKED_TIME.match(rest)
    return None if time is None else _moment(day, time, rest[time.end() :])


def _iso_day(found: re.Match[str]) -> date | None:
    year = int(found["year"])
    if found["week"]:
        return date.fromisocalendar(year, int(found["week"]), int(found["weekday"] or 1))
    if found["ordinal"]:
        day = date(year, 1, 1) + timedelta(days=int(found["ordinal"]) - 1)
        return day if day.year == year else None
    if found["month"] and not found["day"] and not found["sep"]:
        return None  # six digits may be a year and a month, or a day of another century
    return date(year, int(found["month"] or 1), int(found["day"] or 1))


def _named(text: str) -> datetime | None:
    """Read RFC 822 and its relatives, asctime and JavaScript's and Java's: the month by name, the rest in any order."""
    time = _TIME.search(text)
    before, behind = (text, "") if time is None else (text[: time.start()], text[time.end() :])
    year = _YEAR_BEHIND.search(behind)
    if year is not None:  # asctime and its relatives
        before, behind = f"{before} {year[0]}", f"{behind[: year.start()]} {behind[year.end() :]}"
    day = _named_day(_TIME_FOLLOWS.sub("", _without_weekday(before)).strip(" ,"))
    if day is None:
        return None
    return _midnight(day) if time is None else _moment(day, time, behind)


def _named_day(text: str) -> date | None:
    iso = _ISO_DATE.fullmatch(text)
    if iso is not None:
        return _iso_day(iso)
    words = re.split(r"[\s,.-]+", _ORDINAL.sub("", text).strip(" ,.-"))
    months = [month for month in map(month_number, words) if month]
    numbers = [word for word in words if word.isascii() and word.isdigit()]
    if len(months) != 1 or len(numbers) != 2 or len(words) != 3:  # noqa: PLR2004 - a day, a month and a year
        return None
    day, year = numbers if len(numbers[0]) <= len("31") else reversed(numbers)
    return date(_full_year(year), months[0], int(day))


def _without_weekday(text: str) -> str:
    first = _WORD_IN_FRONT.match(text)
    if first is not None and not month_number(first[1]):
        return text[first.end() :]
    return _WEEKDAY.sub(" ", text, count=1)


def _full_year(digits: str) -> int:
    """Complete a year of two or three digits (RFC 5322 §4.3)."""
    if len(digits) > len("999"):
        return int(digits)
    return int(digits) + (2000 if len(digits) < len("999") and digits < "50" else 1900)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _moment(day: date, time: re.Match[str], rest: str) -> datetime | None:
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    micro = int((time[4] or "").ljust(6, "0")[:6])
    rest = rest.strip()
    half = _HALF_DAY.match(rest)
    if half is not None:
        rest, is_afternoon = rest[half.end() :].strip(), half[1] in "Pp"
        if hour > _NOON and not is_afternoon:
            return None
        hour = hour % _NOON + (_NOON if is_afternoon else 0)
    zone = _zone(rest)
    midnight_after = hour == _DAY and not (minute or second)
    if zone is None or (hour >= _DAY and not midnight_after):
        return None
    leap = second == _LEAP_SECOND
    local = datetime(day.year, day.month, day.day, hour % _DAY, minute, second - leap, micro, zone)
    return local + timedelta(days=midnight_after, seconds=leap)


def _zone(text: str) -> tzinfo | None:
    """Read a zone; without one it is UTC, and None if it is not known."""
    if not text:
        return UTC
    offset = _OFFSET.match(text)
    if offset is not None:
        name = text[offset.end() :].strip().upper()
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if (name and name not in _HOURS) or size > _MAX_OFFSET:
            return None
        return timezone(size if offset[1] == "+" else -size)
    if text.upper() in _HOURS:
        return timezone(timedelta(hours=_HOURS[text.upper()]))
    place = f"America/{_PLACES[text.upper()]}" if text.upper() in _PLACES else text
    try:
        return ZoneInfo(place) if _PLACE.fullmatch(place) else None
    except (KeyError, ValueError, OSError):
        return None

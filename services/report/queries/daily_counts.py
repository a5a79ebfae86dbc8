"""Counts rows by calendar day in the database: the days come as bounds, so that it needs no function for dates."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.report.period import Period


@dataclass(slots=True, frozen=True)
class Days:
    """A figure of each day of a period, and of each day of the one before."""

    now: tuple[int, ...]
    before: tuple[int, ...]

    @property
    def total(self) -> int:
        """Of the whole period."""
        return sum(self.now)

    @property
    def total_before(self) -> int:
        """Of the whole period before."""
        return sum(self.before)


async def count_by_day(connection: AsyncConnection, period: Period, at: ColumnElement[Any]) -> Days:
    """How many rows have their instant `at` on which day."""
    return await _by_day(connection, period, at, func.count, literal(1))


async def sum_by_day(
    connection: AsyncConnection, period: Period, at: ColumnElement[Any], summed: ColumnElement[Any]
) -> Days:
    """The sum of a column over the rows of each day; NULL counts as nothing."""
    return await _by_day(connection, period, at, func.sum, summed)


async def distinct_by_day(
    connection: AsyncConnection, period: Period, at: ColumnElement[Any], counted: ColumnElement[Any]
) -> Days:
    """How many different values of a column the rows of each day have, NULL not counted."""
    return await _by_day(connection, period, at, lambda column: func.count(column.distinct()), counted)


def within(period: Period, at: ColumnElement[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The condition that an instant is in the period."""
    return at >= period.start, at < period.end


async def _by_day(
    connection: AsyncConnection, period: Period, at: ColumnElement[Any], measure: Any, column: ColumnElement[Any]
) -> Days:
    return Days(
        await _measured(connection, period, _query(period, at, measure, column)),
        await _measured(connection, period.before, _query(period.before, at, measure, column)),
    )


def _query(period: Period, at: ColumnElement[Any], measure: Any, column: ColumnElement[Any]) -> Select[Any]:
    day = case(*((at < day.end, literal(number)) for number, day in enumerate(period.days)))
    rows = select(day.label("day"), column.label("measured")).where(*within(period, at)).subquery()
    return select(rows.c.day, measure(rows.c.measured)).group_by(rows.c.day)


async def _measured(connection: AsyncConnection, period: Period, query: Select[Any]) -> tuple[int, ...]:
    found = {row[0]: int(row[1] or 0) for row in await connection.execute(query)}
    return tuple(found.get(number, 0) for number in range(len(period.days)))

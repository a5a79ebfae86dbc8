"""Count rows by calendar day in the database; days are passed as bounds, so no date function is needed there."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.report.period import Period


@dataclass(slots=True, frozen=True)
class Days:
    """A figure for each day of a period (`now`), and for each day of the previous one (`before`)."""

    now: tuple[int, ...]
    before: tuple[int, ...]

    @property
    def total(self) -> int:
        """Return the sum over the period."""
        return sum(self.now)

    @property
    def total_before(self) -> int:
        """Return the sum over the previous period."""
        return sum(self.before)


async def count_by_day(
    connection: AsyncConnection, period: Period, at: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> Days:
    """Count the rows of each day by their instant `at`; only those that fulfil the conditions."""
    return await _by_day(connection, period, at, func.count, literal(1), *conditions)


async def sum_by_day(
    connection: AsyncConnection, period: Period, at: ColumnElement[Any], summed: ColumnElement[Any]
) -> Days:
    """Sum a column over the rows of each day; NULL counts as zero."""
    return await _by_day(connection, period, at, func.sum, summed)


async def distinct_by_day(
    connection: AsyncConnection, period: Period, at: ColumnElement[Any], counted: ColumnElement[Any]
) -> Days:
    """Count the distinct values of a column among the rows of each day, without NULL."""
    return await _by_day(connection, period, at, lambda column: func.count(column.distinct()), counted)


def within(period: Period, at: ColumnElement[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that an instant lies in the period."""
    return at >= period.start, at < period.end


async def _by_day(
    connection: AsyncConnection,
    period: Period,
    at: ColumnElement[Any],
    measure: Any,
    column: ColumnElement[Any],
    *conditions: ColumnElement[bool],
) -> Days:
    return Days(
        await _measured(connection, period, _query(period, at, measure, column, *conditions)),
        await _measured(connection, period.before, _query(period.before, at, measure, column, *conditions)),
    )


def _query(
    period: Period, at: ColumnElement[Any], measure: Any, column: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> Select[Any]:
    day = case(*((at < day.end, literal(number)) for number, day in enumerate(period.days)))
    rows = select(day.label("day"), column.label("measured")).where(*within(period, at), *conditions).subquery()
    return select(rows.c.day, measure(rows.c.measured)).group_by(rows.c.day)


async def _measured(connection: AsyncConnection, period: Period, query: Select[Any]) -> tuple[int, ...]:
    found = {row[0]: int(row[1] or 0) for row in await connection.execute(query)}
    return tuple(found.get(number, 0) for number in range(len(period.days)))

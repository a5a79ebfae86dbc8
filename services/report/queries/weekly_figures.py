"""Read the figures of a weekly summary from the database."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schema.tables import email_deliveries, files, users
from services.report.period import Period
from services.report.queries.daily_counts import Days, count_by_day, sum_by_day, within


@dataclass(slots=True, frozen=True)
class WeeklyFigures:
    """Users at the end of the period and of the previous one; everything else by day."""

    users: int
    users_before: int
    new_users: Days
    uploads: Days
    uploaded_bytes: Days
    failed_uploads: int
    failed_uploads_before: int
    mails: Days


async def weekly_figures(connection: AsyncConnection, period: Period) -> WeeklyFigures:
    """Read the figures; rows that were deleted since are not counted."""
    failed = files.c.status == "failed"
    return WeeklyFigures(
        users=await _count(connection, users.c.created_at < period.end),
        users_before=await _count(connection, users.c.created_at < period.before.end),
        new_users=await count_by_day(connection, period, users.c.created_at),
        uploads=await count_by_day(connection, period, files.c.created_at),
        uploaded_bytes=await sum_by_day(connection, period, files.c.created_at, files.c.size),
        failed_uploads=await _count(connection, failed, *within(period, files.c.created_at)),
        failed_uploads_before=await _count(connection, failed, *within(period.before, files.c.created_at)),
        mails=await count_by_day(
            connection, period, email_deliveries.c.sent_at, email_deliveries.c.status != "suppressed"
        ),
    )


async def _count(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> int:
    return int((await connection.execute(select(func.count()).where(*conditions))).scalar_one())

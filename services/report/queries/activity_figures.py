"""Read the figures of user activity from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schema.tables import activity_logs, users
from services.report.period import Period
from services.report.queries.daily_counts import Days, count_by_day, distinct_by_day, within

_AT = activity_logs.c.created_at
_ACTIONS_SHOWN = 12


@dataclass(slots=True, frozen=True)
class ActiveUser:
    """One user's activity."""

    id: str
    name: str
    email: str
    actions: int
    last_at: datetime


@dataclass(slots=True, frozen=True)
class ActivityFigures:
    """Activity by user, day and action. `comparable` is false if the log does not cover the previous period."""

    users: int
    active: int
    active_before: int
    active_by_day: Days
    actions: Days
    by_action: Sequence[tuple[str, int]]
    most_active: Sequence[ActiveUser]
    comparable: bool


async def activity_figures(connection: AsyncConnection, period: Period, *, max_users: int) -> ActivityFigures:
    """Read the figures; list at most `max_users` users."""
    in_all = await connection.execute(select(func.count()).where(users.c.created_at < period.end))
    oldest = (await connection.execute(select(func.min(_AT)))).scalar_one()
    return ActivityFigures(
        users=in_all.scalar_one(),
        active=await _active(connection, period),
        active_before=await _active(connection, period.before),
        active_by_day=await distinct_by_day(connection, period, _AT, activity_logs.c.user_id),
        actions=await count_by_day(connection, period, _AT),
        by_action=await _by_action(connection, period),
        most_active=await _most_active(connection, period, max_users),
        comparable=oldest is not None and oldest < period.before.start,
    )


async def _active(connection: AsyncConnection, period: Period) -> int:
    query = select(func.count(activity_logs.c.user_id.distinct())).where(*within(period, _AT))
    return int((await connection.execute(query)).scalar_one())


async def _by_action(connection: AsyncConnection, period: Period) -> list[tuple[str, int]]:
    count = func.count().label("count")
    query = select(activity_logs.c.action, count).where(*within(period, _AT)).group_by(activity_logs.c.action)
    ordered = query.order_by(count.desc(), activity_logs.c.action).limit(_ACTIONS_SHOWN)
    return [(row[0], row[1]) for row in await connection.execute(ordered)]


async def _most_active(connection: AsyncConnection, period: Period, max_users: int) -> list[ActiveUser]:
    by_user = (
        select(activity_logs.c.user_id, func.count().label("actions"), func.max(_AT).label("last_at"))
        .where(activity_logs.c.user_id.is_not(None), *within(period, _AT))
        .group_by(activity_logs.c.user_id)
        .order_by(func.count().desc(), activity_logs.c.user_id)
        .limit(max_users)
        .subquery()
    )
    query = (
        select(users.c.id, users.c.name, users.c.email, by_user.c.actions, by_user.c.last_at)
        .join(by_user, by_user.c.user_id == users.c.id)
        .order_by(by_user.c.actions.desc(), users.c.id)
    )
    return [ActiveUser(*row) for row in await connection.execute(query)]

"""The report `user-activity`: who did how much, and what."""

from collections.abc import Iterator

from sqlalchemy.ext.asyncio import AsyncConnection

from services.report.parameters import ReportRequest
from services.report.period import period_label
from services.report.queries.activity_figures import ActiveUser, ActivityFigures, activity_figures
from services.report.queries.daily_counts import Days
from services.report.rendering.document import Column, DayChart, Document, Rows, Section, Table, Tile
from services.report.rendering.formatting import Value, share

DAYS = 14
"""So that log entries, which are kept for 30 days, reach back over the days before as well."""
_USERS_SHOWN = 20


async def user_activity(connection: AsyncConnection, request: ReportRequest) -> Document:
    """Read the figures and build the report."""
    return lay_out(await activity_figures(connection, request.period, max_users=request.sheet_rows), request)


def lay_out(figures: ActivityFigures, request: ReportRequest) -> Document:
    """Build the report from its figures: tiles, both of them by day, the kinds of action, the most active users."""
    return Document(
        name="User activity",
        about=period_label(request.period),
        compared_with=request.compared_with,
        tiles=list(_tiles(figures)),
        sections=[
            Section("Day by day", list(_charts(figures, request))),
            Section("What they did", [_actions(figures)]),
            Section("Most active users", [_users(figures)]),
        ],
        sheet=Table("User activity", _COLUMNS_OF_SHEET, [_row(user) for user in figures.most_active]),
    )


def _tiles(figures: ActivityFigures) -> Iterator[Tile]:
    comparable, actions = figures.comparable, figures.actions
    of_all = f"{share(figures.active, figures.users)} of {figures.users:,} users" if figures.users else ""
    yield Tile("Active users", figures.active, figures.active_before if comparable else None, note=of_all)
    yield Tile("Actions", actions.total, actions.total_before if comparable else None)
    daily, daily_before = _mean(figures.active_by_day.now), _mean(figures.active_by_day.before)
    yield Tile("Active users on a mean day", daily, daily_before if comparable else None)


def _mean(values: tuple[int, ...]) -> int:
    return round(sum(values) / len(values))


def _charts(figures: ActivityFigures, request: ReportRequest) -> Iterator[DayChart]:
    dates = [day.date for day in request.period.days]

    def chart(title: str, days: Days) -> DayChart:
        before = days.before if figures.comparable else None
        return DayChart(title, dates, days.now, before, empty="Nobody did anything in these days.")

    yield chart("Active users by day", figures.active_by_day)
    yield chart("Actions by day", figures.actions)


def _actions(figures: ActivityFigures) -> Table:
    total = figures.actions.total
    rows: Rows = [[action, count, share(count, total)] for action, count in figures.by_action]
    hidden = total - sum(count for _, count in figures.by_action)
    return Table(
        "Actions by kind",
        [Column("Action"), Column("Count", bar=True), Column("Share")],
        rows,
        note=f"{hidden:,} more were of other kinds." if hidden else "",
        empty="Nobody did anything in these days.",
    )


_COLUMNS_OF_SHEET = [Column(label) for label in ("User", "Name", "Email", "Actions", "Last action (UTC)")]


def _row(user: ActiveUser) -> list[Value]:
    return [user.id, user.name, user.email, user.actions, user.last_at]


def _users(figures: ActivityFigures) -> Table:
    shown = figures.most_active[:_USERS_SHOWN]
    rows: Rows = [[user.name or user.email, user.email, user.actions, user.last_at] for user in shown]
    hidden = figures.active - len(shown)
    return Table(
        "Users by number of actions",
        [Column("Name"), Column("Email", below=True), Column("Actions", bar=True), Column("Last action (UTC)")],
        rows,
        note=_where_the_rest_is(hidden, in_sheet=len(figures.most_active) - len(shown)) if hidden else "",
        empty="No user was active in these days.",
    )


def _where_the_rest_is(hidden: int, *, in_sheet: int) -> str:
    if in_sheet == hidden:
        return f"The CSV file has the other {hidden:,} too."
    return f"{hidden:,} more were active; the CSV file has the next {in_sheet:,}."

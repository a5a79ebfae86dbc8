"""Events of providers, selected from the rows that the service of webhooks writes."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pkgutil import resolve_name
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Table, and_, or_, select

from nightshift.cli.client.context import Context


class EventRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of an event."""

    source: str
    event_id: str
    type: str
    outcome: str
    reason: str | None
    object_id: str | None
    delivery_id: str | None
    occurred_at: datetime | None
    received_at: datetime
    handled_at: datetime
    body_key: str | None

    @property
    def name(self) -> str:
        """What names it on the command line."""
        return f"{self.source}/{self.event_id}"

    @property
    def names(self) -> set[str]:
        """By which names it may be asked for."""
        return {self.name, self.event_id}

    @property
    def job_id(self) -> str:
        """The id of the job that it came as."""
        return f"{self.source}-{self.event_id}"


def is_narrow(options: argparse.Namespace) -> bool:
    """Return whether the options select some events and not all."""
    return bool(getattr(options, "which", ()) or options.source or options.type or options.outcome or options.since)


def table_of(options: argparse.Namespace) -> Table:
    """Return the table of events that the command was declared with, by its place."""
    table: Table = resolve_name(options.table)
    return table


async def find_events(
    context: Context, options: argparse.Namespace, *, which: Sequence[str] = (), limit: int = 0
) -> list[EventRow]:
    """Return the events that the options select, the newest last; at most the newest `limit`, 0 for all."""
    table = table_of(options)
    query = _query(table, context, options, which)
    query = query.order_by(table.c.received_at.desc(), table.c.source, table.c.event_id)
    async with context.needed_database("that is where the events' rows are").read() as connection:
        found = (await connection.execute(query.limit(limit) if limit else query)).mappings().all()
    return [EventRow(**row) for row in reversed(found)]


def _query(table: Table, context: Context, options: argparse.Namespace, which: Sequence[str]) -> Select[Any]:
    columns = [table.c[name] for name in EventRow.__struct_fields__]
    return select(*columns).where(
        *_conditions(table, context, options), *([or_(*(_named(table, one) for one in which))] if which else [])
    )


def _conditions(table: Table, context: Context, options: argparse.Namespace) -> list[ColumnElement[bool]]:
    conditions = list[ColumnElement[bool]]()
    if getattr(options, "source", None):
        conditions.append(table.c.source == options.source)
    if getattr(options, "outcome", None):
        conditions.append(table.c.outcome == options.outcome)
    if getattr(options, "type", None):
        escaped = options.type.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
        conditions.append(table.c.type.like(escaped, escape="\\"))
    if getattr(options, "since", None):
        conditions.append(table.c.received_at >= context.now - options.since)
    return conditions


def _named(table: Table, text: str) -> ColumnElement[bool]:
    """Return the condition that an event is the named one: `stripe/evt_17`, or the id alone."""
    source, slash, event_id = text.partition("/")
    alone = table.c.event_id == text
    return or_(alone, and_(table.c.source == source, table.c.event_id == event_id)) if slash else alone

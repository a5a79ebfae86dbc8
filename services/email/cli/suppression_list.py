"""The commands that the email service adds to `nightshift`: the suppression list."""

import argparse
import re
from datetime import datetime

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from contracts.email import ADDRESS
from nightshift import Permanent
from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import brief, format_instant, plural
from nightshift.cli.terminal.table import Column
from nightshift.database import Database
from schema.tables import email_suppressions as table
from services.email.address_check import mailbox

_ADD = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
}
_COLUMNS = (
    Column("SINCE", lambda row: format_instant(row.created_at)),
    Column("ADDRESS", lambda row: row.address),
    Column("REASON", lambda row: row.reason),
    Column("DETAIL", lambda row: brief(row.detail or "", 80), words=True),
)


class Suppression(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An address that gets no mail."""

    address: str
    reason: str
    detail: str | None
    created_at: datetime


class Changed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many addresses were named, and how many were put on the list or taken off."""

    named: int
    changed: int


async def list_suppressions(context: Context, options: argparse.Namespace) -> int:
    """List the addresses that get no mail, the newest last."""
    query = select(table).order_by(table.c.created_at.desc(), table.c.address)
    if options.reason:
        query = query.where(table.c.reason == options.reason)
    if options.limit > 0:
        query = query.limit(options.limit)
    async with _database(context).read() as connection:
        found = (await connection.execute(query)).mappings().all()
    rows = [Suppression(**row) for row in reversed(found)]
    context.output.rows(rows, _COLUMNS, none="The suppression list is empty.")
    return DONE


async def add(context: Context, options: argparse.Namespace) -> int:
    """Put addresses on the list."""
    database, addresses = _database(context), _addresses(options)
    row = {"reason": "manual", "detail": options.detail, "created_at": context.now}
    changed = 0
    async with database.write() as connection:
        for address in addresses:
            changed += (await connection.execute(_ADD[database.dialect], {"address": address, **row})).rowcount
    return _tell(context, addresses, changed, "put on the suppression list")


async def remove(context: Context, options: argparse.Namespace) -> int:
    """Take addresses off the list."""
    addresses = _addresses(options)
    async with _database(context).write() as connection:
        changed = (await connection.execute(delete(table).where(table.c.address.in_(addresses)))).rowcount
    return _tell(context, addresses, changed, "taken off the suppression list")


def _tell(context: Context, addresses: list[str], changed: int, what: str) -> int:
    if context.output.as_json:
        context.output.json(Changed(named=len(addresses), changed=changed))
    context.output.line(f"{plural(changed, 'address')} {what}")
    return DONE if changed == len(addresses) else ANSWER_IS_NO


def _addresses(options: argparse.Namespace) -> list[str]:
    """Return the addresses as the list has them.

    Raises:
        UsageError: one of them is no bare address; nothing was done.
    """
    return list(dict.fromkeys(map(_address, options.address)))


def _address(text: str) -> str:
    if "<" in text or re.search(ADDRESS, text) is None:
        raise UsageError(f"{text!r} is not an address without a name, such as ada@example.com")
    try:
        return mailbox(text).address.lower()
    except Permanent as error:
        raise UsageError(str(error)) from None


def _database(context: Context) -> Database:
    return context.needed_database("that is where the suppression list is")

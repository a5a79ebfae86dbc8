"""`nightshift keys`: make, list and revoke the API keys of the gateway."""

import argparse
from datetime import datetime
from pkgutil import resolve_name

import msgspec

from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError, UsageError
from nightshift.cli.terminal.formatting import format_instant
from nightshift.cli.terminal.table import Column
from nightshift.database import Database
from nightshift.gateway.auth.key_table import KeyTable, UnknownUserError
from nightshift.gateway.auth.key_text import ENVIRONMENT, make_key
from nightshift.gateway.auth.principal import Limits, scope_problems

_COLUMNS = (
    Column("ID", lambda row: row.id),
    Column("NAME", lambda row: row.name),
    Column("STATE", lambda row: row.state, style=lambda row: "" if row.state == "active" else "warning"),
    Column("ENVIRONMENT", lambda row: row.environment, spare=2),
    Column("USER", lambda row: row.user_id or "(application)"),
    Column("SCOPES", lambda row: " ".join(row.scopes), words=True),
    Column("CREATED (UTC)", lambda row: format_instant(row.created_at), spare=1),
    Column("EXPIRES (UTC)", lambda row: format_instant(row.expires_at) or "never"),
    Column("LAST USED (UTC)", lambda row: format_instant(row.last_used_at) or "never"),
)


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new key; its text is shown this once."""

    id: str
    key: str
    name: str
    user_id: str | None
    scopes: tuple[str, ...]
    expires_at: datetime | None


async def create(context: Context, options: argparse.Namespace) -> int:
    """Make a key, and show it once."""
    if problems := list(scope_problems(options.scope)):
        raise UsageError("\n  ".join(["--scope:", *problems]))
    if not ENVIRONMENT.fullmatch(options.environment):
        raise UsageError(f"--environment: {options.environment!r} is not a word of at most 16 small letters and digits")
    key, expires_at = make_key(options.environment), None
    if options.expires is not None:
        try:
            expires_at = context.now + options.expires
        except OverflowError:
            raise UsageError("--expires reaches beyond the year 9999: leave it out for a key that never ends") from None
    limits = Limits(
        requests_per_second=options.rate,
        burst=options.burst,
        files_per_day=options.files_per_day,
        bytes_per_day=options.bytes_per_day,
    )
    try:
        await _table(options).add(
            _database(context),
            key,
            name=options.name,
            environment=options.environment,
            user_id=options.user_id,
            scopes=options.scope,
            limits=limits,
            expires_at=expires_at,
        )
    except UnknownUserError as unknown:
        raise CommandError(f"--user-id: there is no user {str(unknown)!r}") from None
    _show(context, key.text, key.key_id, options, expires_at)
    return DONE


def _show(context: Context, text: str, key_id: str, options: argparse.Namespace, expires_at: datetime | None) -> None:
    if context.output.as_json:
        created = CreatedKey(
            id=key_id,
            key=text,
            name=options.name,
            user_id=options.user_id,
            scopes=tuple(options.scope),
            expires_at=expires_at,
        )
        context.output.json(created)
        return
    context.output.note(
        f"Key {key_id} was made. It cannot be shown again. Send it in the header Authorization, behind Bearer:"
    )
    # As it is, whatever it looks like: nothing but the key on standard output, so that it can be put into a file.
    context.output.out.file.write(text + "\n")


async def list_keys(context: Context, options: argparse.Namespace) -> int:
    """List the keys."""
    rows = await _table(options).listed(_database(context), context.now)
    context.output.rows(rows, _COLUMNS, none="There are no keys: `nightshift keys create --help`")
    return DONE


async def revoke(context: Context, options: argparse.Namespace) -> int:
    """Revoke a key."""
    database = _database(context)
    if not context.output.confirm(f"Revoke the key {options.id}? Whoever uses it is refused from then on."):
        return ANSWER_IS_NO
    revoked = await _table(options).revoke(database, options.id, context.now)
    if revoked is None:
        raise CommandError(f"there is no key {options.id!r}: `nightshift keys list` shows them")
    if context.output.as_json:
        context.output.json(revoked)
    context.output.line(f"{revoked.id} ({revoked.name}) is revoked since {format_instant(revoked.revoked_at)}")
    return DONE


def _database(context: Context) -> Database:
    return context.needed_database("it holds the keys")


def _table(options: argparse.Namespace) -> KeyTable:
    """Return the table that the command was declared with, by its place."""
    table: KeyTable = resolve_name(options.table)
    return table

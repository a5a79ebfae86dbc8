"""The check of the outbox: jobs that are committed and do not get to the broker, and how relays hear of new ones."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_

from nightshift.cli.client.context import Context
from nightshift.cli.doctor.finding import Finding, ok, wrong
from nightshift.cli.doctor.start_command import worker_command
from nightshift.cli.queries.outbox_rows import (
    OutboxRow,
    blameless,
    count_rows,
    failed,
    for_queue,
    outbox_rows,
    written_by,
)
from nightshift.cli.queries.topology import service_names
from nightshift.cli.terminal.formatting import brief, format_span, plural
from nightshift.config import datastore_urls
from nightshift.config.database_options import is_behind_pooler
from nightshift.database import Database, history_states
from nightshift.database.notifications import POLL_SECONDS, SQLITE_SECONDS
from nightshift.database.producers import offered, rings
from nightshift.messaging.outbox_rows import outbox_shares

_CHECK = "outbox"
LATE = timedelta(minutes=2)
"""Rows of jobs are left to their own worker for a minute."""
_FULL = "nightshift queues list shows whether a queue is full"


async def outbox(context: Context) -> list[Finding]:
    """Name the rows that cannot be published, and those that nobody publishes."""
    database = context.database()
    if database is None or not await _is_current(context, database):
        return []  # the check of the database says so
    found = [*await _failing(database), *await _waiting(context, database)]
    return found or [ok(_CHECK, await _state(database))]


async def _is_current(context: Context, database: Database) -> bool:
    states = await history_states(database, context.settings.schema_package or context.catalogue.schema)
    return states[0].at == states[0].head


async def _failing(database: Database) -> list[Finding]:
    rows = await outbox_rows(database, failed(), limit=1)
    if not rows:
        return []
    count, row = await count_rows(database, failed()), rows[0]
    text = f"{plural(count, 'row')} cannot be published, such as {row.subject} {brief(row.job_id, 60)}"
    fix = "nightshift outbox list --failed; mend the cause, then nightshift outbox retry --failed, or drop them"
    return [wrong(_CHECK, f"{text} (tried {plural(row.tries, 'time')}): {brief(row.error, 200)}", fix)]


async def _waiting(context: Context, database: Database) -> list[Finding]:
    services = service_names(context)
    found = []
    for share in await outbox_shares(database, failed=False):
        waited = context.now - datetime.fromtimestamp(share.oldest, UTC)
        if waited < LATE:
            continue
        rows = f"{plural(share.rows, 'row')} by {share.written_by}" + (f" for {share.queue}" if share.queue else "")
        relay = share.queue or share.written_by
        fix = f"{_FULL}; else start a worker of {relay}: {worker_command(context, relay)}"
        strange = await _for_nobody(database, share.written_by, share.queue, services)
        if strange is not None:
            fix = f"there is no service {strange.queue} in the contracts for {strange.subject}: "
            fix += f"nightshift outbox show {strange.id}, then nightshift outbox drop {strange.id}"
        found.append(wrong(_CHECK, f"{rows} wait, the oldest for {format_span(waited)}", fix))
    return found


async def _for_nobody(database: Database, author: str, queue: str, services: Sequence[str]) -> OutboxRow | None:
    """Return a row that is for a service that does not exist, among the oldest that somebody wrote."""
    rows = await outbox_rows(database, and_(blameless(), for_queue(queue) if queue else written_by(author)), limit=20)
    return next((row for row in rows if row.queue not in services), None)


async def _state(database: Database) -> str:
    types, notified = await database.ask(lambda connection: (offered(connection), rings(connection)))
    if not types:
        return "nothing waits too long; no job may be enqueued by SQL"
    told = _told(database, notified=notified)
    return f"nothing waits too long; {plural(len(types), 'job type')} may be enqueued by SQL: {told}"


def _told(database: Database, *, notified: bool) -> str:
    if database.dialect == "sqlite":
        return f"relays look for commits every {SQLITE_SECONDS:g} s"
    if not notified:
        return f"relays look every {POLL_SECONDS:g} s (OUTBOX_NOTIFY is off)"
    if is_behind_pooler(datastore_urls.parse(database.url).query):
        return (
            f"behind a pooler relays look every {POLL_SECONDS:g} s, unless their DATABASE_LISTEN_URL lets them listen"
        )
    return "relays are told at the commit"

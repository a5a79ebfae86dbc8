"""API keys as the gateway knows them: looked up in the database, remembered for some seconds."""

import asyncio
import hmac
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, Update, bindparam, or_, select, update

from nightshift.database import Database
from nightshift.gateway.auth.key_text import digest_of, id_in
from nightshift.gateway.auth.principal import Limits, Principal
from nightshift.heartbeat import Heartbeat
from nightshift.instants import utc_now
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

REMEMBERED_SECONDS = 5.0
"""A key that is revoked is refused after so long at the latest."""
_REMEMBERED_KEYS = 10_000
_USE_NOTED = timedelta(minutes=1)
_NOTE_SECONDS = 10.0
_log = get_logger("keys")


class _Known(msgspec.Struct, frozen=True):
    """What was last read of a key; None: there is no such key, or it has ended."""

    until: float
    expires_at: datetime | None = None
    principal: Principal | None = None


class ApiKeys:
    """Tells whose key it is. One lookup at a time for a key, however many requests come with it."""

    def __init__(
        self,
        database: Database,
        table: Table,
        *,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._now, self._clock = database, now, clock
        self._by_id = select(table).where(table.c.id == bindparam("wanted"))
        self._note = _note(table)
        self._known: dict[str, _Known] = {}
        """By a key's text: whoever has none of these is asked for in the database."""
        self._asked: dict[str, asyncio.Task[_Known]] = {}
        self._used: set[str] = set()

    async def principal_of(self, text: str) -> Principal | None:
        """Return who has this key; None if nobody has, or no longer.

        Raises:
            Unavailable: the database is unavailable, and the key was not looked up lately.
        """
        known = self._known.get(text)
        if known is None or known.until < self._clock():
            key_id = id_in(text)
            if key_id is None:
                return None
            known = await self._look_up(key_id, text)
        if known.principal is None or (known.expires_at is not None and known.expires_at <= self._now()):
            return None
        self._used.add(known.principal.key_id)
        return known.principal

    async def note_uses(self, heartbeat: Heartbeat) -> None:
        """Write down when keys were last used, at most once a minute for each; until cancelled."""
        while True:
            heartbeat.beat(_NOTE_SECONDS + 30)
            await asyncio.sleep(_NOTE_SECONDS)
            await self.write_uses()

    async def write_uses(self) -> None:
        """Write down the uses since the last time."""
        used, self._used = self._used, set()
        if not used:
            return
        now = self._now()
        rows = [{"used": key_id, "now": now, "before": now - _USE_NOTED} for key_id in sorted(used)]
        try:
            await self._database.commit(lambda connection: connection.execute(self._note, rows))
        except Unavailable as away:
            _log.warning("uses_not_noted", f"The last use of {len(used)} keys cannot be written down: {away}")

    async def _look_up(self, key_id: str, text: str) -> _Known:
        task = self._asked.get(text)
        if task is None:
            task = self._asked[text] = asyncio.create_task(self._read(key_id, text))
            task.add_done_callback(lambda _: self._asked.pop(text, None))
        return await asyncio.shield(task)

    async def _read(self, key_id: str, text: str) -> _Known:
        def ask(connection: Connection) -> Any:
            return connection.execute(self._by_id, {"wanted": key_id}).mappings().first()

        row = await self._database.ask(ask)
        known = _known(row, digest_of(text), self._clock() + REMEMBERED_SECONDS)
        if len(self._known) >= _REMEMBERED_KEYS:
            self._known.clear()
        self._known[text] = known
        return known


def _note(table: Table) -> Update:
    used, kind = table.c.last_used_at, table.c.last_used_at.type
    long_ago = or_(used.is_(None), used < bindparam("before", type_=kind))
    return (
        update(table).where(table.c.id == bindparam("used"), long_ago).values(last_used_at=bindparam("now", type_=kind))
    )


def _known(row: Any, digest: str, until: float) -> _Known:
    if row is None or row["revoked_at"] is not None or not hmac.compare_digest(row["digest"], digest):
        return _Known(until)
    principal = Principal(
        key_id=row["id"],
        user=row["user_id"],
        scopes=tuple(row["scopes"]),
        limits=msgspec.convert(row["limits"], Limits),
    )
    return _Known(until, row["expires_at"], principal)

"""Runs whole transactions on a thread of their own: for SQLite, where every step would otherwise change threads twice.

An inbox look-up is three times as fast as on the async engine: docs/adr/0003-sqlite-on-threads.md has the figures.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine

from nightshift.database.outages import outages

T = TypeVar("T")


class TransactionThread:
    """Runs plain functions, each in one transaction, one after the other; starts its thread on first use."""

    def __init__(self, engine: Engine, place: str, *, writing: bool) -> None:
        self._engine, self._place, self._writing = engine, place, writing
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write" if writing else "sqlite-read")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work`; commit when it returns. Cancelling the caller does not stop it.

        Raises:
            Unavailable: the database is down, locked, full or read-only.
            Exception: whatever `work` raises; then all is rolled back.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._transaction, work)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with outages(self._place, writing=self._writing) as stage, self._engine.connect() as connection:
            stage.connected = True
            with connection.begin():
                return work(connection)

    async def close(self) -> None:
        """Let what runs finish, then end the thread and close its connection."""
        await asyncio.to_thread(self._pool.shutdown)
        self._engine.dispose()

"""Engines for an SQLite file that several processes read and write at the same time."""

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from nightshift.config.datastore_urls import place
from nightshift.database.column_types import json_text
from nightshift.database.tables import SCHEMAS_ON_SQLITE
from nightshift.outcomes import Unavailable

BUSY_SECONDS = 30.0
"""How long a writer waits for the others before `database is locked`."""

RESERVE_BYTES = 8 << 20
"""With less free space than this the disk counts as full: a probe that still fits would promise too much."""

_PRAGMAS = (
    # First, because it needs the busy timeout only when the file is new.
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk when it returns: a job leaves its stream because of it.
    "PRAGMA synchronous = FULL",
)


def check_space(address: URL) -> None:
    """Check that the disk of an SQLite file has room for what jobs write.

    Raises:
        Unavailable: less than the reserve is free.
    """
    folder = Path(address.database or "").absolute().parent
    if not folder.is_dir():
        # Opening the file says what is wrong in the usual words.
        return
    free = shutil.disk_usage(folder).free
    if free < RESERVE_BYTES:
        raise Unavailable("database", f"{place(address)}: its disk is full but for {free >> 10} KiB")


def sqlite_engine(address: URL, *, writes: bool, connections: int, foreign_keys: bool = True) -> AsyncEngine:
    """Return an engine whose transactions begin as writers or as readers.

    Writers use `BEGIN IMMEDIATE`: a transaction that reads first and writes then could otherwise fail with
    `database is locked` at once, however long the timeout. Readers cannot write at all.
    """
    engine = create_async_engine(address, **_options(connections))
    _prepare(engine.sync_engine, writes=writes, foreign_keys=foreign_keys)
    _begin(engine.sync_engine, "BEGIN IMMEDIATE" if writes else "BEGIN")
    return engine


def threaded_engine(address: URL, *, writes: bool) -> Engine:
    """Return the same for plain code that runs on a single thread; the reader begins no transaction."""
    engine = create_engine(address.set(drivername="sqlite"), **_options(1))
    _prepare(engine, writes=writes, foreign_keys=True)
    if writes:
        _begin(engine, "BEGIN IMMEDIATE")
    return engine


def _options(connections: int) -> dict[str, Any]:
    return {
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": BUSY_SECONDS,
        "connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False},
        "hide_parameters": True,
        "json_serializer": json_text,
        "execution_options": {"schema_translate_map": SCHEMAS_ON_SQLITE},
    }


def _prepare(engine: Engine, *, writes: bool, foreign_keys: bool) -> None:
    pragmas = [
        *_PRAGMAS,
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        f"PRAGMA query_only = {'OFF' if writes else 'ON'}",
    ]

    def prepare(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin too late (not before a SELECT) and cannot be IMMEDIATE: switched off.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine, "connect", prepare)


def _begin(engine: Engine, statement: str) -> None:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine, "begin", begin)

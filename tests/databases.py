"""Databases of a test's own: an SQLite file, or one on the PostgreSQL server that the environment names."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from nightshift.database import sqlite_url

POSTGRES_VARIABLE = "TEST_POSTGRES_URL"
"""A server and a user that may create databases, such as postgresql://postgres:password@127.0.0.1:5432/postgres."""


def kinds() -> list[str]:
    """The kinds of databases at hand."""
    return ["sqlite", *(["postgresql"] if os.environ.get(POSTGRES_VARIABLE) else [])]


@asynccontextmanager
async def database_of(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty database, which is gone afterwards."""
    if kind == "sqlite":
        yield sqlite_url(folder / "nightshift.db")
        return
    async with postgres_database(os.environ[POSTGRES_VARIABLE]) as url:
        yield url


@asynccontextmanager
async def postgres_database(server: str) -> AsyncIterator[str]:
    """The same on the PostgreSQL server of this address."""
    name = f"nightshift_{uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()

"""Fill a database with sample rows: `python -m demo.seed --rows 100000`, or `make seed`."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from demo.sample_rows import SHARES, World, rows_of
from nightshift.database import Database, MigrationError, migrate, open_database, sqlite_url
from nightshift.embedded.stack import Stack
from nightshift.outcomes import Unavailable
from schema.tables import users

CHUNK_ROWS = 1_000
"""Rows in memory, and in one transaction."""

_LEAST_ROWS = 100


class AlreadySeededError(Exception):
    """The database has the rows of this seed already."""


async def seed(
    database: Database,
    *,
    rows: int,
    seed: int,
    now: datetime,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, int]:
    """Write about this many rows, spread over the tables; return how many each table got.

    The same `seed`, `rows` and `now` give the same rows. `progress` is told a table, its rows so far, and all.

    Raises:
        AlreadySeededError: rows of this seed are there; nothing was written.
        Unavailable: the database is unavailable.
    """
    counts = {name: int(rows * share) for name, (_, _, share) in SHARES.items()}
    world = World(seed, now, counts["users"])
    async with database.read() as connection:
        if (await connection.execute(select(users.c.id).where(users.c.id == world.id("user", 0)))).first():
            raise AlreadySeededError(
                f"{database.place} has the sample rows of --seed {seed} already: {await _held(connection)}"
            )
    for name, count in counts.items():
        statement, left, written = insert(SHARES[name][0]), rows_of(name, world, count), 0
        while chunk := list(islice(left, CHUNK_ROWS)):
            async with database.write() as connection:
                await connection.execute(statement, chunk)
            written += len(chunk)
            if progress is not None:
                progress(name, written, count)
    return counts


async def _held(connection: AsyncConnection) -> str:
    """Return how many rows each table has."""
    rows = [
        f"{name} {(await connection.execute(select(func.count()).select_from(table))).scalar_one():,}"
        for name, (table, _, _) in SHARES.items()
    ]
    return ", ".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code: 0 if the rows are there, 1 if not, 2 for wrong arguments."""
    options = _parser().parse_args(arguments)
    if options.rows < _LEAST_ROWS:
        print(f"--rows is {options.rows}, expected {_LEAST_ROWS} or more", file=sys.stderr)
        return 2
    url = options.url or _kept_database()
    started = time.monotonic()
    try:
        counts = asyncio.run(_fill(url, options.rows, options.seed, options.now or datetime.now(UTC)))
    except AlreadySeededError as seeded:
        print(f"{seeded}. Nothing was added. For more: make seed SEED={options.seed + 1}")
        return 0
    except (MigrationError, Unavailable, ValueError) as error:
        print(f"The database could not be filled: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what was written stays.", file=sys.stderr)
        return 130
    print(f"{sum(counts.values()):,} rows in {time.monotonic() - started:.1f} s")
    return 0


async def _fill(url: str, rows: int, number: int, now: datetime) -> dict[str, int]:
    await migrate(url)
    database = open_database(url)
    print(f"Filling {database.place}")
    try:
        return await seed(database, rows=rows, seed=number, now=now, progress=_say)
    finally:
        await database.close()


def _say(table: str, written: int, count: int) -> None:
    """Print a line for each table, which counts up on a terminal."""
    line = f"  {table:<20}{written:>10,} rows"
    if written == count:
        print(f"\r{line}" if sys.stdout.isatty() else line, flush=True)
    elif sys.stdout.isatty():
        print(f"\r{line}", end="", flush=True)


def _kept_database() -> str:
    """Return the database of `make up`."""
    stack = Stack.kept()
    stack.folder.mkdir(parents=True, exist_ok=True)
    return sqlite_url(stack.database)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.seed",
        description="Fills a database with sample rows: users, sessions, activity, files, accounts, reports, mails. "
        "Only rows: the files and reports have no objects, and the linked accounts are switched off.",
        epilog="example: python -m demo.seed --rows 100000 --url sqlite:///nightshift.db",
    )
    parser.add_argument("--rows", type=int, default=100_000, help="about so many, over all tables (100000)")
    parser.add_argument("--url", help="the database; that of `make up` if not given")
    parser.add_argument("--seed", type=int, default=1, help="another number makes other rows (1)")
    parser.add_argument("--now", type=_moment, help="the present that ages count from, such as 2026-03-01T00:00:00Z")
    return parser


if __name__ == "__main__":
    sys.exit(main())

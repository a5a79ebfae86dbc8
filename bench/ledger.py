"""Pages of a large ledger, on SQLite and PostgreSQL: `python -m bench.ledger --rows 10000000`."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import text

from bench import worker
from bench.report import write_figures
from bench.servers import Postgres
from nightshift.database import Database, migrate, open_database
from nightshift.messaging import ledger
from nightshift.messaging.ledger import LedgerFilter

END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS, TENANTS, PAGES, PIECE = 60, 1000, 20, 500_000
"""Rows are spread evenly over so many days; every tenth is one of so many tenants'."""
HOUR = timedelta(hours=1)
_COLUMNS = "consumer, type, id, processed_at, attempt, took_ms, tenant"
_FILL = {
    "SQLite": f"""
        WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)
        INSERT INTO processed_messages ({_COLUMNS})
        SELECT 'email', CASE WHEN i % 4 = 0 THEN 'email.digest' ELSE 'email.send' END, printf('%031x', i),
               strftime('%Y-%m-%d %H:%M:%f', :begin, (i * :step) || ' seconds') || '000', 1, 12,
               CASE WHEN i % 10 = 0 THEN 'tenant-' || (i / 10 % :tenants) END
        FROM n""",  # noqa: S608 - of constants
    "PostgreSQL": f"""
        INSERT INTO nightshift.processed_messages ({_COLUMNS})
        SELECT 'email', CASE WHEN i % 4 = 0 THEN 'email.digest' ELSE 'email.send' END, lpad(to_hex(i), 31, '0'),
               CAST(:begin AS timestamptz) + i * CAST(:step AS float) * interval '1 second', 1, 12,
               CASE WHEN i % 10 = 0 THEN 'tenant-' || (i / 10 % :tenants) END
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint) - 1) AS i""",  # noqa: S608 - of constants
}


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Database]:
    """An empty database of this run's own."""
    server = Postgres(folder / "postgres") if kind == "PostgreSQL" else None
    url = server.url if server else worker.sqlite_url(folder)
    await migrate(url)
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()
        if server:
            server.stop()


async def fill(database: Database, kind: str, rows: int) -> None:
    """Write the ledger of so many jobs."""
    begin = END - timedelta(days=DAYS)
    given = begin.strftime("%Y-%m-%d %H:%M:%S") if kind == "SQLite" else begin
    more = {"begin": given, "step": DAYS * 86_400 / rows, "tenants": TENANTS}
    for first in range(0, rows, PIECE):
        async with database.write() as connection:
            await connection.execute(text(_FILL[kind]), {**more, "first": first, "last": min(first + PIECE, rows)})
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))


def wanted() -> Mapping[str, LedgerFilter]:
    """What is asked, as `nightshift jobs list` does."""
    at = END - timedelta(days=DAYS / 2)
    hour = LedgerFilter(since=at, until=at + HOUR)
    return {
        "the newest": LedgerFilter(),
        "of an hour": hour,
        "of a tenant and hour": replace(hour, tenant="tenant-17"),
        "the newest of a tenant": LedgerFilter(tenant="tenant-17"),
        "of a type and hour": replace(hour, type="email.digest"),
        "of types by a pattern and hour": replace(hour, type="email.*"),
    }


async def milliseconds(database: Database, query: LedgerFilter, limit: int) -> list[float]:
    """Return what so many first pages take, each."""
    took = []
    for _ in range(PAGES):
        started = time.perf_counter()
        async for _row in ledger.newest(database, query, limit=limit):
            pass
        took.append((time.perf_counter() - started) * 1000)
    return took


async def find_milliseconds(database: Database, rows: int) -> list[float]:
    """Return what looking up one job takes, each of another one."""
    took = []
    for number in range(PAGES):
        row = (rows // PAGES * number) | 1
        started = time.perf_counter()
        entry = await ledger.find(database, "email.send", f"{row:031x}")
        took.append((time.perf_counter() - started) * 1000)
        if entry is None:
            raise LookupError(f"row {row} is not there")
    return took


async def run(kind: str, rows: int, limit: int) -> dict[str, str]:
    """Measure one kind of database; return the figures."""
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        async with opened(kind, Path(name)) as database:
            started = time.perf_counter()
            await fill(database, kind, rows)
            print(f"{kind}: {rows:,} rows in {time.perf_counter() - started:.0f} s", flush=True)
            for title, query in wanted().items():
                figures[f"{kind}, {limit} {title}"] = _figure(await milliseconds(database, query, limit))
            figures[f"{kind}, one job by its id"] = _figure(await find_milliseconds(database, rows))
    return figures


def _figure(took: list[float]) -> str:
    return f"{statistics.median(took):.1f} ms, at most {max(took):.1f} ms"


def main() -> int:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--page", type=int, default=50, help="rows of a page")
    parser.add_argument("--only", choices=list(_FILL), help="one kind of database")
    options = parser.parse_args()
    figures: dict[str, str] = {}
    for kind in [options.only] if options.only else _FILL:
        figures |= asyncio.run(run(kind, options.rows, options.page))
    how = f"Pages of a ledger of {options.rows:,} jobs in {DAYS} days, as `jobs list` reads them; {PAGES} each"
    print(write_figures("ledger", how, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

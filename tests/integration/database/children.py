"""What the tests let other processes do to a database: `python -m tests.integration.database.children WHAT URL …`."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from nightshift.database import migrate, open_database
from nightshift.database.tables import processed_messages
from schema.tables import linked_accounts

COUNTER = "counter"
"""The account whose `generation` the processes count up."""

ROOT = Path(__file__).parents[3]


async def run(*arguments: str) -> str:
    """Run this module in a process of its own; return what it printed.

    Raises:
        RuntimeError: it failed; the text is what it said.
    """
    command = (sys.executable, "-m", "tests.integration.database.children", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(errors.decode())
    return out.decode().strip()


async def _migrate(url: str) -> int:
    """Migrates; how many steps it took itself."""
    return len(await migrate(url))


async def _count(url: str, rounds: int) -> int:
    """Reads a number, adds one and writes it back, with a row beside it in the same transaction; how often."""
    database = open_database(url)
    number = select(linked_accounts.c.generation).where(linked_accounts.c.id == COUNTER).with_for_update()
    change = linked_accounts.update().where(linked_accounts.c.id == COUNTER)
    row = {"consumer": str(os.getpid()), "type": "t", "processed_at": datetime.now(UTC)}
    for turn in range(rounds):
        async with database.write() as connection:
            value = (await connection.execute(number)).scalar_one()
            await connection.execute(change.values(generation=value + 1))
            await connection.execute(processed_messages.insert(), {**row, "id": str(turn)})
    await database.close()
    return rounds


if __name__ == "__main__":
    _, what, address, *rest = sys.argv
    print(asyncio.run(_migrate(address) if what == "migrate" else _count(address, int(rest[0]))))  # noqa: T201 - for the parent

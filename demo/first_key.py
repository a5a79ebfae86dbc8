"""A user and an API key of theirs for the stack of `make up`, made once: what it prints is typed as it stands.

python -m demo.first_key var/up
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import insert, select

from demo.uploads import SAMPLES
from nightshift.config.settings import ServerSettings, load
from nightshift.database import Database
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.instants import utc_now
from nightshift.runtime.composition import database_of
from schema.tables import api_keys, users
from services.gateway.auth import key_table
from services.gateway.auth.key_text import id_in, make_key
from services.gateway.auth.principal import SCOPES, Limits

USER = "first-user"
FILE = "gateway-key"


async def first_key(database: Database, kept: str) -> str:
    """Return the key that was kept, if the database knows it; else make one."""
    if await _is_known(database, kept):
        return kept
    await _have_user(database)
    key = make_key("dev")
    await key_table.add(
        database,
        key,
        name="make up",
        environment="dev",
        user_id=USER,
        scopes=list(SCOPES),
        limits=Limits(),
        expires_at=None,
    )
    return key.text


async def _is_known(database: Database, key: str) -> bool:
    query = select(api_keys.c.id).where(api_keys.c.id == id_in(key), api_keys.c.revoked_at.is_(None))
    async with database.read() as connection:
        return (await connection.execute(query)).first() is not None


async def _have_user(database: Database) -> None:
    async with database.write() as connection:
        if (await connection.execute(select(users.c.id).where(users.c.id == USER))).first() is None:
            row = {"id": USER, "email": f"{USER}@example.com", "name": "First User", "created_at": utc_now()}
            await connection.execute(insert(users), row)


def _example(key: str, gateway: str) -> str:
    picture = SAMPLES.relative_to(SAMPLES.parents[1]) / "chelsea.jpg"
    return f'curl -H "Authorization: Bearer {key}" -F file=@{picture} {gateway}/v1/files'


async def _made(kept: str) -> str:
    database = database_of(load(ServerSettings, os.environ))
    try:
        return await first_key(database, kept)
    finally:
        await database.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line, with the settings of the stack in the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.first_key",
        description="Makes a user and an API key for the stack of make up, once.",
        epilog="example: nightshift up --prepare demo.first_key",
    )
    parser.add_argument("folder", type=Path, help="folder of the stack's state")
    file = parser.parse_args(arguments).folder / FILE
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    key = asyncio.run(_made(kept))
    if key != kept:
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(key, encoding="utf-8")
    print(f"Upload a file over HTTP (the key is in {file}):")
    print("  " + _example(key, f"http://{LOOPBACK}:{os.environ['GATEWAY_PORT']}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A user and an API key of theirs for the stack of `make up`, made once and kept in its folder."""

from pathlib import Path

from sqlalchemy import insert, select

from nightshift.database import Database
from nightshift.gateway.auth.key_text import id_in, make_key
from nightshift.gateway.auth.principal import Limits
from nightshift.gateway.auth.scopes import SCOPES
from nightshift.instants import utc_now
from schema.tables import api_keys, users
from services.gateway.keys import KEYS

USER = "first-user"
_FILE = "gateway-key"


async def first_key(database: Database, folder: Path) -> Path:
    """Return the file of the key; a new one, unless the database knows the one that is in it."""
    file = folder / _FILE
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    if not await _is_known(database, kept):
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(await _new_key(database), encoding="utf-8")
    return file


async def _new_key(database: Database) -> str:
    await _have_user(database)
    key = make_key("dev")
    await KEYS.add(
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

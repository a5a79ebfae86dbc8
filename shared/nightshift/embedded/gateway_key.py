"""The API key of an embedded stack's gateway: made once, and kept in the stack's folder."""

from pathlib import Path

from nightshift.database import Database, open_database, sqlite_url
from nightshift.embedded.stack import GATEWAY_KEY, Stack
from nightshift.gateway.auth.api_keys import ApiKeys
from nightshift.gateway.auth.key_table import KEYS
from nightshift.gateway.auth.key_text import make_key
from nightshift.gateway.auth.principal import Limits

_SCOPES = ("jobs:write", "jobs:read", "jobs:cancel")


async def keep_key(stack: Stack) -> None:
    """Leave a key for jobs in the stack's folder, unless the one that is there is known to its database."""
    database = open_database(sqlite_url(stack.database))
    try:
        await _keep(database, stack.folder / GATEWAY_KEY)
    finally:
        await database.close()


async def _keep(database: Database, file: Path) -> None:
    kept = _read(file)
    if kept and await ApiKeys(database, KEYS.table).principal_of(kept):
        return
    key = make_key("dev")
    await KEYS.add(
        database,
        key,
        name="nightshift up",
        environment="dev",
        user_id=None,
        scopes=_SCOPES,
        limits=Limits(),
        expires_at=None,
    )
    _write(file, key.text)


def _read(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


def _write(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"{text}\n", encoding="ascii")

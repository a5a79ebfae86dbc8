"""Open the credentials of an account, and see to it that they are stored encrypted with the newest key."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, not_, select, update

from nightshift import Permanent, Snooze
from nightshift.config.settings import Secret
from nightshift.database import Database
from nightshift.messaging.paging import Keyset, KeysetPage, TimeLimit, process_pages, table_pages
from schema.account_keys import AccountKeys, NoKeyError, SealedError
from schema.tables import linked_accounts

_LOOK_AGAIN = timedelta(minutes=5)
_PAGE = 500
_THIS = linked_accounts.c.id == bindparam("this_id")
_REPLACE = (
    update(linked_accounts)
    .where(_THIS, linked_accounts.c.credentials == bindparam("old"))
    .values({linked_accounts.c.credentials: bindparam("new")})
)
_WAITS = update(linked_accounts).where(_THIS).values({linked_accounts.c.error: bindparam("why")})
_STORED = select(linked_accounts.c.id, linked_accounts.c.credentials).where(linked_accounts.c.credentials != "")


class Credentials(NamedTuple):
    """An account's credentials, and the text in its row."""

    secret: Secret
    stored: str


async def open_credentials(
    database: Database, keys: Callable[[], AccountKeys], account_id: str, stored: str
) -> Credentials:
    """Decrypt what a row holds; encrypt it (anew) where that was not done with the newest key.

    `keys` returns the keys as they are now.

    Raises:
        Snooze: the key is missing; the account's row says so, and it is tried again without an attempt being counted.
        Permanent: what is stored is damaged.
    """
    try:
        return await _sealed_anew(database, _present(keys), account_id, stored)
    except NoKeyError as error:
        async with database.write() as connection:
            await connection.execute(_WAITS, {"this_id": account_id, "why": str(error)})
        raise Snooze(_LOOK_AGAIN, str(error)) from error
    except SealedError as error:
        raise Permanent(str(error)) from error


def _present(keys: Callable[[], AccountKeys]) -> AccountKeys:
    try:
        return keys()
    except ValueError as error:  # their file was replaced by something else
        raise NoKeyError(f"ACCOUNT_KEYS: {error}") from error


async def seal_all(database: Database, keys: AccountKeys) -> tuple[int, list[str]]:
    """Encrypt the credentials of all accounts with the newest key.

    Return how many were stored anew, and one line for each that cannot be opened.

    Raises:
        NoKeyError: there is no key.
    """
    sealed, problems = 0, list[str]()
    query = _STORED.where(not_(linked_accounts.c.credentials.startswith(keys.beginning)))

    async def work(page: KeysetPage[Any]) -> None:
        nonlocal sealed
        for row in page.rows:
            try:
                await _sealed_anew(database, keys, row["id"], row["credentials"])
                sealed += 1
            except SealedError as error:
                problems.append(f"account {row['id']}: {error}")

    pages = table_pages(database, query, Keyset(linked_accounts.c.id), size=_PAGE, after=None)
    await process_pages(pages, work, limit=TimeLimit(float("inf")))
    return sealed, problems


async def _sealed_anew(database: Database, keys: AccountKeys, account_id: str, stored: str) -> Credentials:
    secret = keys.open(account_id, stored)
    if stored.startswith(keys.beginning):
        return Credentials(secret, stored)
    sealed = keys.seal(account_id, secret.reveal())
    async with database.write() as connection:
        # Credentials that were replaced in the meantime are left alone.
        await connection.execute(_REPLACE, {"this_id": account_id, "old": stored, "new": sealed})
    return Credentials(secret, sealed)

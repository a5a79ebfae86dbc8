"""A push or a release at GitHub syncs the accounts that are linked to the repository's owner."""

import msgspec
from sqlalchemy import bindparam, select

from contracts.sync import SyncExternal
from nightshift import Job, Skip, WebhookEvent
from nightshift.database import Database
from nightshift.webhooks.handled import Id, convert
from schema.tables import linked_accounts as accounts

SERVICE = "github"
_USERS = (
    select(accounts.c.user_id)
    .where(
        accounts.c.service == SERVICE,
        accounts.c.external_account.in_(bindparam("logins", expanding=True)),
        accounts.c.status == "active",
    )
    .order_by(accounts.c.user_id)
)


class _Owner(msgspec.Struct):
    login: Id


class _Repository(msgspec.Struct):
    full_name: Id
    owner: _Owner


class _AboutRepository(msgspec.Struct):
    repository: _Repository


async def sync_owner(event: WebhookEvent, job: Job, *, database: Database) -> str:
    """Enqueue a sync of every active account that is linked to the owner of the event's repository.

    Raises:
        Skip: nobody has linked such an account.
    """
    repository = convert(event, _AboutRepository).repository
    login = repository.owner.login
    async with database.read() as connection:
        # GitHub's names ignore case, and people type them in lower case.
        found = await connection.execute(_USERS, {"logins": sorted({login, login.lower()})})
        users = list(found.scalars())
    if not users:
        raise Skip(f"no active account of GitHub is linked to {login!r}")
    for user in users:
        job.enqueue(SyncExternal(user_id=user, service=SERVICE))
    return repository.full_name

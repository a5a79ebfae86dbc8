"""API keys: made and revoked by the operator, and what the gateway makes of them."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from nightshift.cli.command_line import parser
from nightshift.cli.execution import perform
from nightshift.cli.terminal.output import Output
from nightshift.config.project import Project
from nightshift.database import Database, migrate, open_database
from nightshift.gateway.auth.api_keys import ApiKeys
from nightshift.gateway.auth.key_text import make_key
from schema.tables import api_keys, users
from tests.integration.cli.harness import CommandResult
from tests.repository import ROOT


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated one with the user `ada`."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}"
    await migrate(url)
    opened = open_database(url)
    async with opened.write() as connection:
        await connection.execute(insert(users).values(id="ada", email="ada@example.com"))
    yield opened
    await opened.close()


async def nightshift(database: Database, *arguments: str) -> CommandResult:
    """What the operator's command says."""
    options = parser(Project(ROOT)).parse_args(arguments)
    out, err = io.StringIO(), io.StringIO()
    output = Output(as_json=getattr(options, "json", False), yes=getattr(options, "yes", False), out=out, err=err)
    code = await perform(output, options, {"DATABASE_URL": database.url}, ROOT / "nowhere")
    return CommandResult(code, out.getvalue(), err.getvalue())


async def create(database: Database, *arguments: str) -> tuple[str, str]:
    """A new key: its id and its text."""
    made = await nightshift(database, "keys", "create", "webshop", "--json", *arguments)
    assert made.code == 0, made.err
    return made.json["id"], made.json["key"]


async def test_a_new_key_is_shown_once_and_only_its_digest_is_kept(database: Database) -> None:
    """On standard output there is nothing but the key, so that it can go into a file."""
    made = await nightshift(database, "keys", "create", "webshop", "--scope", "jobs:read")
    (text,) = made.out.splitlines()
    assert (await ApiKeys(database, api_keys).principal_of(text)) is not None
    async with database.read() as connection:
        row = (await connection.execute(select(api_keys))).mappings().one()
    assert text.split("_")[3] not in str(dict(row))
    listed = await nightshift(database, "keys", "list")
    assert row["id"] in listed.out
    assert text.split("_")[3] not in listed.out + made.err


async def test_a_key_says_who_calls_and_what_they_may(database: Database) -> None:
    """For the application, or for one user."""
    _, own = await create(database, "--scope", "jobs:write:email.*", "--scope", "jobs:read", "--rate", "5")
    key_id, adas = await create(database, "--scope", "files:write", "--user-id", "ada")
    keys = ApiKeys(database, api_keys)
    application, ada = await keys.principal_of(own), await keys.principal_of(adas)
    assert application is not None
    assert ada is not None
    assert (application.user, application.scopes) == (None, ("jobs:write:email.*", "jobs:read"))
    assert application.limits.requests_per_second == 5
    assert (ada.key_id, ada.user, ada.scopes) == (key_id, "ada", ("files:write",))


async def test_another_secret_with_the_id_of_a_key_is_nobodys(database: Database) -> None:
    """The id is no secret."""
    key_id, _ = await create(database, "--scope", "jobs:read")
    forged = make_key("live")
    async with database.write() as connection:
        await connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(id=forged.key_id))
    assert await ApiKeys(database, api_keys).principal_of(forged.text) is None


async def test_a_revoked_key_is_refused_within_seconds(database: Database) -> None:
    """As long as the gateway remembers it, and no longer."""
    clock = Clock()
    keys = ApiKeys(database, api_keys, clock=clock)
    key_id, text = await create(database, "--scope", "jobs:read")
    assert await keys.principal_of(text) is not None
    revoked = await nightshift(database, "keys", "revoke", key_id, "--yes")
    assert f"{key_id} (webshop) is revoked" in revoked.out
    clock.now += 5.1
    assert await keys.principal_of(text) is None


async def test_an_expired_key_is_refused_at_once(database: Database) -> None:
    """Its end is remembered with it."""
    _, text = await create(database, "--scope", "jobs:read", "--expires", "1h")
    now = datetime.now(UTC)
    times = [now, now + timedelta(hours=1, seconds=1)]
    keys = ApiKeys(database, api_keys, now=lambda: times[0])
    assert await keys.principal_of(text) is not None
    times.pop(0)
    assert await keys.principal_of(text) is None


async def test_a_users_keys_go_with_the_user(database: Database) -> None:
    """Nobody acts for somebody who does not exist."""
    _, text = await create(database, "--scope", "files:read", "--user-id", "ada")
    async with database.write() as connection:
        await connection.execute(delete(users).where(users.c.id == "ada"))
    assert await ApiKeys(database, api_keys).principal_of(text) is None


async def test_many_requests_with_one_key_ask_the_database_once(database: Database) -> None:
    """And for the next seconds not at all."""
    _, text = await create(database, "--scope", "jobs:read")
    keys, asked = ApiKeys(database, api_keys), []
    read = keys._read

    async def counted(key_id: str, digest: str) -> object:
        asked.append(key_id)
        return await read(key_id, digest)

    keys._read = counted  # type: ignore[method-assign,assignment]
    found = await asyncio.gather(*(keys.principal_of(text) for _ in range(50)))
    assert all(found)
    await keys.principal_of(text)
    assert len(asked) == 1


async def test_the_last_use_is_noted_at_most_once_a_minute(database: Database) -> None:
    """However often a key is used, and by however many replicas it is noted."""
    _, text = await create(database, "--scope", "jobs:read")
    begin = datetime(2026, 7, 24, 12, 0, tzinfo=UTC)
    noted = []
    for seconds in (0, 30, 59, 61):
        now = begin + timedelta(seconds=seconds)
        keys = ApiKeys(database, api_keys, now=lambda now=now: now)  # type: ignore[misc]
        await keys.principal_of(text)
        await keys.write_uses()
        async with database.read() as connection:
            noted.append((await connection.execute(select(api_keys.c.last_used_at))).scalar_one())
    assert [(at - begin).total_seconds() for at in noted] == [0, 0, 0, 61]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create", "x", "--scope", "jobs:wirte"), 2, "there is no scope 'jobs:wirte'; did you mean jobs:write?"),
        (("create", "x", "--scope", "jobs:read", "--user-id", "nobody"), 1, "--user-id: there is no user 'nobody'"),
        (("create", "x", "--scope", "jobs:read", "--environment", "L!"), 2, "is not a word"),
        (("create", "x", "--scope", "jobs:read", "--expires", "999999w"), 2, "beyond the year 9999"),
        (("revoke", "nothing", "--yes"), 1, "there is no key 'nothing'"),
    ],
)
async def test_wrong_use_is_told_in_a_sentence(
    database: Database, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """And nothing is done."""
    ran = await nightshift(database, "keys", *arguments)
    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert (await nightshift(database, "keys", "list", "--json")).json == []


async def test_the_list_is_json_for_programs(database: Database) -> None:
    """With the state of each, revoked ones too."""
    first, _ = await create(database, "--scope", "jobs:read", "--files-per-day", "7")
    second, _ = await create(database, "--scope", "jobs:read")
    revoked = await nightshift(database, "keys", "revoke", second, "--yes", "--json")
    listed = (await nightshift(database, "keys", "list", "--json")).json
    assert [(row["id"], row["state"]) for row in listed] == [(first, "active"), (second, "revoked")]
    assert listed[0]["limits"] == {"filesPerDay": 7}
    assert revoked.json["state"] == "revoked"

"""Credentials in the database: encrypted when they are used first, and of no use without the key."""

import pytest
from sqlalchemy import select

from demo.sites.feed_site import RSS_TYPE, rss
from nightshift.outcomes import Permanent, Snooze
from schema.account_keys import AccountKeys, new_key
from schema.tables import linked_accounts
from services.sync import seal_accounts
from services.sync.credentials import seal_all
from tests.integration.services.sync.desk import KEYS, TOKEN, Desk


async def test_readable_credentials_are_encrypted_when_they_are_used_first(desk: Desk) -> None:
    """As a release before had them: the sync works, and from then on the row holds what only the key opens."""
    message = await desk.link()
    assert (await desk.account(message))["credentials"] == TOKEN
    await desk.run(message)
    row = await desk.account(message)
    assert row["credentials"].startswith(KEYS.beginning)
    assert KEYS.open(row["id"], row["credentials"]).reveal() == TOKEN
    assert len(await desk.records(message)) == 250
    await desk.run(message)
    assert (await desk.account(message))["credentials"] == row["credentials"], "it is not encrypted again each time"


async def test_without_the_key_an_account_waits_and_says_why(desk: Desk) -> None:
    """No attempt is counted and nothing asked outside; with the key back it goes on, and the reason is gone."""
    message = await desk.link()
    await desk.run(message)
    desk.forget()
    for keys, reason in ((AccountKeys(), "not set"), (AccountKeys.parse(new_key()), "not among ACCOUNT_KEYS")):
        desk.keys = keys
        with pytest.raises(Snooze, match=reason):
            await desk.run(message)
        row = await desk.account(message)
        assert row["status"] == "active"
        assert reason in row["error"]
    assert desk.github_site.requests == []
    desk.keys = KEYS
    await desk.run(message)
    assert (await desk.account(message))["error"] is None


async def test_readable_credentials_wait_for_a_key_too(desk: Desk) -> None:
    """They are not used for ever as they are: the setting is missing, and it is said so."""
    message = await desk.link()
    desk.keys = AccountKeys()
    with pytest.raises(Snooze, match="set ACCOUNT_KEYS"):
        await desk.run(message)


async def test_an_account_without_credentials_needs_no_key(desk: Desk) -> None:
    """A public feed."""
    desk.keys = AccountKeys()
    desk.feeds.documents = {"/feed": (rss([1, 2]), RSS_TYPE)}
    message = await desk.link_feed()
    await desk.run(message)


async def test_credentials_of_another_account_are_a_dead_letter(desk: Desk) -> None:
    """Who can write to the database cannot use somebody's account as his own."""
    ada = await desk.link()
    await desk.run(ada)
    eve = await desk.link("github", credentials=(await desk.account(ada))["credentials"])
    desk.forget()
    with pytest.raises(Permanent, match="another account's"):
        await desk.run(eve)
    assert desk.github_site.requests == []


async def test_a_refusal_is_counted_for_encrypted_credentials(desk: Desk) -> None:
    """Though the row's text changed since the job began: that was our own doing, and nobody linked it anew."""
    message = await desk.link()
    desk.github.tokens.clear()
    with pytest.raises(Snooze):
        await desk.run(message)
    assert (await desk.account(message))["refusals"] == 1


async def test_all_accounts_can_be_encrypted_with_a_new_key(desk: Desk) -> None:
    """Those that are switched off too: afterwards the old key is not needed, and what cannot be opened is named."""
    plain = await desk.link("github", credentials="plain")
    old = await desk.link()
    await desk.run(old)
    await desk.change(old, status="disabled")
    lost = await desk.link("github", credentials=AccountKeys.parse(new_key()).seal("x", "lost"))
    newest = new_key()
    both = AccountKeys((AccountKeys.parse(newest)._keys[0], *KEYS._keys))
    sealed, problems = await seal_all(desk.database, both)
    assert sealed >= 2
    assert [line for line in problems if (await desk.account(lost))["id"] in line]
    only = AccountKeys.parse(newest)
    for message, secret in ((plain, "plain"), (old, TOKEN)):
        row = await desk.account(message)
        assert only.open(row["id"], row["credentials"]).reveal() == secret
    assert (await seal_all(desk.database, both))[0] == 0
    async with desk.database.read() as connection:
        stored = (await connection.execute(select(linked_accounts.c.credentials))).scalars().all()
    assert not [text for text in stored if text and not text.startswith("sealed:v1:")]


def test_the_command_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Settings, and the key: exit code 2, without a traceback."""
    assert seal_accounts.main([], {}) == 2
    assert "DATABASE_URL is missing" in capsys.readouterr().err
    settings = {
        "DATABASE_URL": "sqlite:////nowhere/x.db",
        "S3_ENDPOINT": "http://127.0.0.1:1",
        "S3_ACCESS_KEY": "x",
        "S3_SECRET_KEY": "x",
    }
    assert seal_accounts.main([], settings) == 2
    assert "set ACCOUNT_KEYS" in capsys.readouterr().err
    assert seal_accounts.main([], settings | {"ACCOUNT_KEYS": new_key()}) == 1
    assert "database is unavailable" in capsys.readouterr().err

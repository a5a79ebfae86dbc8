"""What becomes of an account's records: rounds through all pages, checkpoints, removals."""

from datetime import timedelta
from typing import Any

import pytest

from demo.sites.github_api import repository
from demo.sites.http_site import Reply
from nightshift.outcomes import Permanent, Snooze
from schema.tables import external_records
from services.sync.connector import SyncFailedError
from tests.integration.services.sync.desk import TOKEN, Desk

ERROR = Reply(500, {"Content-Type": "application/json"}, b'{"message":"Server Error"}')


async def test_every_page_of_an_account_becomes_records(desk: Desk) -> None:
    """250 repositories are three pages; each is a record under GitHub's own number."""
    message = await desk.link()
    await desk.run(message)
    records = await desk.records(message)
    assert len(records) == 250
    assert desk.pages() == ["1", "2", "3"]
    record = records["1296007"]
    assert record["kind"] == "repository"
    assert record["data"] == {
        "name": "project-0007",
        "fullName": "ada/project-0007",
        "description": "Project number 7",
        "language": "Python",
        "defaultBranch": "main",
        "visibility": "public",
        "createdAt": "2024-01-26T19:01:12Z",
        "updatedAt": "2026-01-26T19:14:43Z",
        "pushedAt": "2026-01-26T19:06:43Z",
        "private": False,
        "fork": False,
        "archived": False,
        "stargazersCount": 7,
        "forksCount": 9,
        "openIssuesCount": 0,
        "url": "https://github.com/ada/project-0007",
        "topics": ["nightshift"],
    }
    account = await desk.account(message)
    assert (account["status"], account["error"], account["generation"]) == ("active", None, 1)
    assert account["last_synced_at"] is not None


async def test_a_retry_goes_on_where_the_attempt_before_stopped(desk: Desk) -> None:
    """A page that is stored is not asked for again."""
    message = await desk.link()
    desk.github.script.extend([None, ERROR])
    with pytest.raises(SyncFailedError, match="GitHub answered 500: Server Error"):
        await desk.run(message, job_id="one")
    assert len(await desk.records(message)) == 100
    await desk.run(message, job_id="one")
    assert desk.pages() == ["1", "2", "2", "3"]
    assert len(await desk.records(message)) == 250


async def test_another_job_goes_on_too(desk: Desk) -> None:
    """The checkpoint is the account's, not the job's: a job that was given up on leaves what it got."""
    message = await desk.link()
    desk.github.script.extend([None, ERROR])
    with pytest.raises(SyncFailedError):
        await desk.run(message)
    await desk.run(message)
    assert desk.pages() == ["1", "2", "2", "3"]


async def test_an_unchanged_account_costs_no_more_than_questions(desk: Desk) -> None:
    """The second round asks each page conditionally; what is unchanged counts as seen."""
    message = await desk.link()
    await desk.run(message)
    desk.forget()
    await desk.run(message)
    assert desk.pages() == ["1?", "2?", "3?"]
    records = await desk.records(message)
    assert {record["generation"] for record in records.values()} == {2}
    assert desk.metrics.pages == {
        ("github", "changed"): 3,
        ("github", "unchanged"): 3,
        ("feed", "changed"): 0,
        ("feed", "unchanged"): 0,
    }


async def test_what_a_whole_round_has_not_seen_is_removed(desk: Desk) -> None:
    """A repository that is gone is marked; one that has changed is rewritten; the rest stays."""
    message = await desk.link()
    await desk.run(message)
    del desk.github.accounts["ada"][200]
    desk.github.accounts["ada"][0] |= {"name": "renamed"}
    await desk.run(message)
    assert list(await desk.records(message, removed=True)) == ["1296200"]
    records = await desk.records(message)
    assert len(records) == 249
    assert records["1296000"]["data"]["name"] == "renamed"
    assert desk.metrics.records["github", "removed"] == 1


async def test_what_is_there_again_is_there_again(desk: Desk) -> None:
    """A record that had been removed comes back with the round that sees it."""
    message = await desk.link()
    await desk.run(message)
    gone = desk.github.accounts["ada"].pop(5)
    await desk.run(message)
    assert len(await desk.records(message, removed=True)) == 1
    desk.github.accounts["ada"].insert(5, gone)
    await desk.run(message)
    assert await desk.records(message, removed=True) == {}


async def test_a_partial_round_removes_nothing(desk: Desk) -> None:
    """A round that stops on its way knows nothing of the pages behind."""
    message = await desk.link()
    await desk.run(message)
    desk.github.accounts["ada"] = desk.github.accounts["ada"][1:]
    desk.github.script.extend([None, ERROR])
    with pytest.raises(SyncFailedError):
        await desk.run(message)
    assert await desk.records(message, removed=True) == {}
    await desk.run(message)
    assert list(await desk.records(message, removed=True)) == ["1296000"]


async def test_an_empty_answer_has_to_be_given_twice(desk: Desk) -> None:
    """An account that seems emptied keeps its records until a second round finds the same."""
    message = await desk.link()
    await desk.run(message)
    everything, desk.github.accounts["ada"] = desk.github.accounts["ada"], []
    await desk.run(message)
    assert len(await desk.records(message)) == 250
    desk.github.accounts["ada"] = everything
    await desk.run(message)
    desk.github.accounts["ada"] = []
    await desk.run(message)
    assert len(await desk.records(message)) == 250, "the count of empty rounds must begin anew"
    await desk.run(message)
    assert await desk.records(message) == {}
    assert len(await desk.records(message, removed=True)) == 250


async def test_an_unchanged_page_whose_records_are_gone_is_read_in_full(desk: Desk) -> None:
    """Somebody has deleted rows: what the server calls unchanged is fetched all the same."""
    message = await desk.link()
    await desk.run(message)
    async with desk.database.write() as connection:
        await connection.execute(external_records.delete().where(external_records.c.external_id == "1296150"))
    desk.forget()
    await desk.run(message)
    assert desk.pages() == ["1?", "2?", "2", "3?"]
    assert len(await desk.records(message)) == 250


async def test_a_full_last_page_may_get_a_successor(desk: Desk) -> None:
    """Its own bytes do not change then, so it is never asked conditionally."""
    message = await desk.link()
    desk.github.accounts["ada"] = desk.github.accounts["ada"][:200]
    await desk.run(message)
    desk.github.accounts["ada"].append(repository(999))
    desk.forget()
    await desk.run(message)
    assert desk.pages() == ["1?", "2", "3"]
    assert "1296999" in await desk.records(message)


async def test_an_account_makes_room_for_others(desk: Desk) -> None:
    """After its time a run is put off without an attempt, and goes on with the next page."""
    message = await desk.link()
    desk.run_seconds = 0
    for pages in (1, 2):
        with pytest.raises(Snooze, match=f"{pages} pages so far") as snooze:
            await desk.run(message)
        assert snooze.value.delay == timedelta(seconds=1)
    await desk.run(message)
    assert desk.pages() == ["1", "2", "3"]


async def test_an_account_linked_to_another_name_begins_anew(desk: Desk) -> None:
    """Checkpoint and tags belong to a listing; those of another are worth nothing."""
    desk.github.accounts = {"ada": [repository(number) for number in range(3)], "eve": [repository(7, "eve")]}
    desk.connectors["github"]._token = None  # type: ignore[attr-defined] # this connector is the real one
    message = await desk.link("github", external_account="ada")
    await desk.run(message)
    await desk.change(message, external_account="eve")
    desk.forget()
    await desk.run(message)
    assert list(await desk.records(message)) == ["1296007"]
    assert len(await desk.records(message, removed=True)) == 3
    assert "if-none-match" not in desk.github_site.requests[0].headers


async def test_a_round_that_is_too_old_begins_anew(desk: Desk) -> None:
    """What it saw a day ago may be gone: it cannot say what is removed."""
    message = await desk.link()
    desk.github.script.extend([None, ERROR])
    with pytest.raises(SyncFailedError):
        await desk.run(message)
    desk.later = timedelta(hours=25)
    await desk.run(message)
    assert desk.pages() == ["1", "2", "1?", "2", "3"]
    assert len(await desk.records(message)) == 250


async def test_an_unreadable_checkpoint_is_as_good_as_none(desk: Desk) -> None:
    """Whoever wrote it: the round begins at its beginning."""
    message = await desk.link()
    await desk.change(message, checkpoint={"cursor": 7, "known": "?"})
    await desk.run(message)
    assert len(await desk.records(message)) == 250


async def test_a_next_page_at_another_host_is_not_asked(desk: Desk) -> None:
    """The credentials belong to one host, and so does everything that an answer may name."""
    message = await desk.link()
    away = desk.feed_site.url
    desk.github.script.append(Reply(200, {"Link": f'<{away}/user/repos?page=2>; rel="next"'}, b"[]"))
    with pytest.raises(SyncFailedError, match="another host"):
        await desk.run(message)
    assert desk.feed_site.requests == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"id": "7"}]', b"<html>", b'[{"id": 7', b"\xff", b"[" * 5000])
async def test_an_answer_that_is_none_is_a_failed_attempt(desk: Desk, body: bytes) -> None:
    """Whatever stands there instead of repositories: it is said, and nothing is stored."""
    message = await desk.link()
    desk.github.script.append(Reply(200, {}, body))
    with pytest.raises(SyncFailedError, match="GitHub's answer"):
        await desk.run(message)
    assert await desk.records(message) == {}


async def test_a_service_without_end_is_not_followed_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round has a largest number of pages."""
    monkeypatch.setattr("services.sync.round.MAX_PAGES", 2)
    message = await desk.link()
    with pytest.raises(Permanent, match="more than 2 pages"):
        await desk.run(message)
    assert "more than 2 pages" in (await desk.account(message))["error"]


async def test_hostile_texts_are_kept_without_what_no_database_takes(desk: Desk) -> None:
    """NUL and lone surrogates are taken out, endless texts cut, scripts are no addresses."""
    bad: dict[str, Any] = {
        "name": "a\0b",
        "description": "x" * 50_000,
        "html_url": "javascript:alert(1)",
        "stargazers_count": 2**70,
    }
    desk.github.accounts["ada"] = [repository(1, **bad)]
    desk.github.tokens[TOKEN] = "ada"
    message = await desk.link("github", credentials=TOKEN)
    await desk.run(message)
    data = (await desk.records(message))["1296001"]["data"]
    assert (data["name"], len(data["description"]), data["url"], data["stargazersCount"]) == ("ab", 1000, None, None)

"""Orphaned files go: without an owner, never completed, or objects without a row. What somebody owns stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.maintenance import CleanFiles
from nightshift.objects import ObjectStoreRefusedError
from nightshift.outcomes import Unavailable
from schema.tables import files, users
from tests.integration.services.maintenance.harness import DAY, NOW, CleanupHarness, Disturbed, lose_the_machine

THUMBNAIL = "thumbnails/0a1b-320.webp"


async def test_a_file_that_somebody_owns_stays_however_old(harness: CleanupHarness) -> None:
    """Whatever became of it: processed, failed, or never looked at."""
    await harness.add_user()
    keys = [
        await harness.add_file(f"file-{status}", status=status, days=4000, thumbnail_key=THUMBNAIL)
        for status in ("uploaded", "processed", "failed")
    ]
    await harness.put(THUMBNAIL)
    await harness.clean(CleanFiles(older_than_days=1))
    assert len(await harness.ids(files)) == 3
    assert await harness.keys() == sorted([*keys, THUMBNAIL])
    run = await harness.last_run()
    assert set(run.deleted.values()) == {0}
    assert (run.kept["files_with_owner"], run.kept["objects_in_use"]) == (3, 4)


async def test_a_file_whose_owner_is_gone_goes_with_its_object(harness: CleanupHarness) -> None:
    """At any age: deleting the user is what made it an orphan."""
    await harness.add_user("leaves")
    await harness.add_user("stays")
    gone = await harness.add_file("new", "leaves", days=0)
    kept = await harness.add_file("other", "stays")
    async with harness.database.write() as connection:
        await connection.execute(delete(users).where(users.c.id == "leaves"))
    await harness.clean(CleanFiles())
    assert await harness.ids(files) == ["other"]
    assert (await harness.exists(gone), await harness.exists(kept)) == (False, True)
    assert (await harness.last_run()).deleted["files_without_owner"] == 1


async def test_an_upload_that_never_completed_goes_when_it_is_old(harness: CleanupHarness) -> None:
    """With what may be there of its object; a young one may still be in progress."""
    await harness.add_user()
    old = await harness.add_file("old", status="pending", days=7.1)
    young = await harness.add_file("young", status="pending", days=6.9)
    await harness.clean(CleanFiles())
    assert await harness.ids(files) == ["young"]
    assert (await harness.exists(old), await harness.exists(young)) == (False, True)
    assert (await harness.last_run()).deleted["uploads_never_completed"] == 1


async def test_an_upload_that_completes_at_the_last_moment_is_not_harmed(harness: CleanupHarness) -> None:
    """Either it is complete before it is taken from its owner, or its completion finds no such upload any more."""
    await harness.add_user()
    key = await harness.add_file("slow", status="pending", days=30)

    async def complete(connection: AsyncConnection) -> None:
        pending = update(files).where(files.c.id == "slow", files.c.status == "pending")
        await connection.execute(pending.values(status="uploaded"))

    await harness.clean(CleanFiles(), disturbed=Disturbed(harness.database, before=complete))
    assert (await harness.ids(files), await harness.exists(key)) == (["slow"], True)


async def test_an_object_without_a_row_goes_when_it_is_old(harness: CleanupHarness) -> None:
    """An upload whose row never came, or is gone; elsewhere in the bucket nothing is touched."""
    await harness.add_user()
    kept = await harness.add_file("known")
    elsewhere = ["reports/a.html", "claims/2999-01-01/aa", "uploads.txt", "thumbnails-old/a"]
    await harness.put("uploads/user-17/no-row", "thumbnails/no-row.webp", *elsewhere)
    await harness.clean(CleanFiles())
    assert await harness.keys() == sorted([kept, *elsewhere])
    assert (await harness.last_run()).deleted["objects_without_row"] == 2


async def test_a_young_object_without_a_row_stays(harness: CleanupHarness) -> None:
    """The object comes first and its row after it: an upload in progress must not be hit."""
    await harness.add_user()
    await harness.add_file("known")
    await harness.put("uploads/user-17/in-progress", "thumbnails/just-made.webp")
    await harness.clean(CleanFiles(), now=NOW - 2 * DAY)
    assert await harness.exists("uploads/user-17/in-progress")
    assert await harness.exists("thumbnails/just-made.webp")
    assert (await harness.last_run()).kept["objects_too_young"] == 2


async def test_a_thumbnail_stays_while_one_file_uses_it(harness: CleanupHarness) -> None:
    """It is named by its content, so files with the same content share it; it goes with the last of them."""
    await harness.add_user()
    await harness.add_file("orphan", None, thumbnail_key=THUMBNAIL)
    await harness.add_file("mine", thumbnail_key=THUMBNAIL)
    await harness.add_file("also-mine")
    await harness.put(THUMBNAIL)
    await harness.clean(CleanFiles())
    assert (await harness.ids(files), await harness.exists(THUMBNAIL)) == (["also-mine", "mine"], True)
    async with harness.database.write() as connection:
        await connection.execute(update(files).where(files.c.id == "mine").values(user_id=None))
    await harness.clean(CleanFiles())
    assert (await harness.ids(files), await harness.exists(THUMBNAIL)) == (["also-mine"], False)


async def test_a_thumbnail_that_is_stored_anew_meanwhile_stays(
    harness: CleanupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody uploads the same content again: the object is young when it comes to deleting it."""
    await harness.add_user()
    await harness.add_file("known")
    await harness.put(THUMBNAIL)
    original = harness.objects.stat

    async def stat(key: str) -> Any:
        info = await original(key)
        return type(info)(info.key, info.size, info.content_type, NOW)

    monkeypatch.setattr(harness.objects, "stat", stat)
    await harness.clean(CleanFiles())
    assert await harness.exists(THUMBNAIL)
    assert (await harness.last_run()).kept["objects_too_young"] == 1


async def test_a_run_cut_off_between_object_and_row_leaves_what_the_next_one_finds(harness: CleanupHarness) -> None:
    """The object goes first: the row still leads there, wherever in the bucket the object was."""
    await harness.add_user()
    await harness.add_file("other")
    await harness.add_file("orphan", None, object_key="elsewhere/orphan")
    await harness.put("elsewhere/orphan")
    rows = Disturbed(harness.database, within={2: lose_the_machine})
    result = await harness.perform(CleanFiles(), disturbed=rows)
    assert isinstance(result.exception, ConnectionAbortedError)
    assert (await harness.exists("elsewhere/orphan"), await harness.ids(files)) == (False, ["orphan", "other"])
    await harness.clean(CleanFiles())
    assert await harness.ids(files) == ["other"]


async def test_a_run_cut_off_after_the_disowning_is_made_up_for(
    harness: CleanupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that was taken from its owner is found by having none, and still counted for what it was."""
    await harness.add_user()
    await harness.add_file("known")
    key = await harness.add_file("abandoned", status="pending", days=30)

    async def unavailable(_: str) -> None:
        raise Unavailable("objects", "gone")

    monkeypatch.setattr(harness.objects, "delete", unavailable)
    assert (await harness.perform(CleanFiles())).outcome == "unavailable"
    assert await harness.exists(key)
    monkeypatch.undo()
    await harness.clean(CleanFiles(), "nightly")
    assert (await harness.exists(key), await harness.ids(files)) == (False, ["known"])
    done = [run for run in await harness.runs() if run.done]
    assert done[0].deleted["uploads_never_completed"] == 1


async def test_an_object_that_the_store_refuses_to_delete_keeps_its_row(
    harness: CleanupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is what leads to it; the others go all the same, and no successor tries again at once."""
    await harness.add_user()
    await harness.add_file("known")
    locked = await harness.add_file("locked", None)
    await harness.add_file("free", None)
    monkeypatch.setattr(harness.objects, "delete", _refusing(harness, lambda key: key == locked))
    assert await harness.clean_all(CleanFiles(), "nightly") == ["nightly"]
    assert await harness.ids(files) == ["known", "locked"]
    assert (await harness.last_run()).kept["objects_refused"] == 1


async def test_a_store_that_refuses_everything_makes_no_endless_chain(
    harness: CleanupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that could delete nothing goes on to what is next, instead of trying the same for ever."""
    await harness.add_user()
    await harness.add_file("known")
    for number in range(4):
        await harness.add_file(f"locked-{number}", None)
    monkeypatch.setattr(harness.objects, "delete", _refusing(harness, lambda _: True))
    ids = await harness.clean_all(CleanFiles(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=2)
    assert len(ids) < 8
    assert (await harness.runs())[-1].done


async def test_an_empty_database_is_taken_for_the_wrong_one(harness: CleanupHarness) -> None:
    """A bucket beside a database without any file: that nobody knows its objects proves nothing."""
    await harness.put("uploads/a", "thumbnails/b.webp")
    await harness.clean(CleanFiles())
    assert await harness.keys() == ["thumbnails/b.webp", "uploads/a"]
    run = await harness.last_run()
    assert (run.kept["objects_unchecked"], run.done) == (2, True)


async def test_the_walk_through_the_objects_goes_on_in_successors(harness: CleanupHarness) -> None:
    """Kept objects do not vanish, so the message says behind which one the next job goes on."""
    await harness.add_user()
    kept = [await harness.add_file(f"known-{number}") for number in range(5)]
    orphans = [f"uploads/user-17/known-{number}-no-row" for number in range(5)]
    await harness.put(*orphans, "thumbnails/no-row.webp")
    first = await harness.clean(CleanFiles(older_than_days=3), cleanup_seconds=1e-9, cleanup_page_rows=3)
    assert harness.successor(first) == CleanFiles(older_than_days=3, after="thumbnails/no-row.webp")
    ids = await harness.clean_all(CleanFiles(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=3)
    assert len(ids) >= 4
    assert await harness.keys() == sorted(kept)
    runs = [run for run in await harness.runs() if run.job_id.startswith("nightly")]
    assert [run.done for run in runs] == [False] * (len(runs) - 1) + [True]
    assert sum(run.deleted["objects_without_row"] for run in runs) == 5


async def test_many_orphans_go_in_pages(harness: CleanupHarness) -> None:
    """Rows and objects, whatever the size of a page."""
    await harness.add_user()
    await harness.add_file("known")
    for number in range(11):
        await harness.add_file(f"orphan-{number:02}", None)
    await harness.clean(CleanFiles(), cleanup_page_rows=3)
    assert await harness.ids(files) == ["known"]
    assert len(await harness.keys()) == 1
    assert (await harness.last_run()).deleted["files_without_owner"] == 11


async def test_an_orphan_without_an_object_goes_too(harness: CleanupHarness) -> None:
    """Also where the key on the row can be no object's."""
    await harness.add_user()
    await harness.add_file("known")
    row = {"user_id": None, "original_name": "a", "status": "failed", "created_at": NOW - timedelta(days=1)}
    async with harness.database.write() as connection:
        await connection.execute(
            insert(files), [row | {"id": "a", "object_key": "uploads/nothing"}, row | {"id": "b", "object_key": "../x"}]
        )
    await harness.clean(CleanFiles())
    async with harness.database.read() as connection:
        assert (await connection.execute(select(files.c.id))).scalars().all() == ["known"]


def _refusing(harness: CleanupHarness, locked: Callable[[str], bool]) -> Callable[[str], Any]:
    original = harness.objects.delete

    async def delete_unlocked(key: str) -> None:
        if locked(key):
            raise ObjectStoreRefusedError(f"{key} is locked")
        await original(key)

    return delete_unlocked

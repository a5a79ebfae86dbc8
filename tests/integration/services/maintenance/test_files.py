"""Orphaned files go: without an owner, never completed, or objects without a row. What somebody owns stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from contracts.maintenance import CleanFiles
from nightshift.messaging.job import Job
from nightshift.messaging.paging import process_pages
from nightshift.objects import ObjectStoreRefusedError
from nightshift.outcomes import Unavailable
from schema.tables import files, users
from services.maintenance import orphaned_files
from tests.integration.services.maintenance.desk import DAY, NOW, Desk

THUMBNAIL = "thumbnails/0a1b-320.webp"


def _job(job_id: str = "nightly") -> Job:
    return Job("maintenance", "maintenance.files", job_id, job_id)


async def test_a_file_that_somebody_owns_stays_however_old(desk: Desk) -> None:
    """Whatever became of it: processed, failed, or never looked at."""
    await desk.add_user()
    keys = [
        await desk.add_file(f"file-{status}", status=status, days=4000, thumbnail_key=THUMBNAIL)
        for status in ("uploaded", "processed", "failed")
    ]
    await desk.put(THUMBNAIL)
    await desk.clean(CleanFiles(older_than_days=1))
    assert len(await desk.ids(files)) == 3
    assert await desk.keys() == sorted([*keys, THUMBNAIL])
    run = await desk.last_run()
    assert run.deleted == {"files_without_owner": 0, "uploads_never_completed": 0, "objects_without_row": 0}
    assert (run.kept["files_with_owner"], run.kept["objects_in_use"]) == (3, 4)


async def test_a_file_whose_owner_is_gone_goes_with_its_object(desk: Desk) -> None:
    """At any age: deleting the user is what made it an orphan."""
    await desk.add_user("leaves")
    await desk.add_user("stays")
    gone = await desk.add_file("new", "leaves", days=0)
    kept = await desk.add_file("other", "stays")
    async with desk.database.write() as connection:
        await connection.execute(delete(users).where(users.c.id == "leaves"))
    await desk.clean(CleanFiles())
    assert await desk.ids(files) == ["other"]
    assert (await desk.exists(gone), await desk.exists(kept)) == (False, True)
    assert (await desk.last_run()).deleted["files_without_owner"] == 1


async def test_an_upload_that_never_completed_goes_when_it_is_old(desk: Desk) -> None:
    """With what may be there of its object; a young one may still be in progress."""
    await desk.add_user()
    old = await desk.add_file("old", status="pending", days=7.1)
    young = await desk.add_file("young", status="pending", days=6.9)
    await desk.clean(CleanFiles())
    assert await desk.ids(files) == ["young"]
    assert (await desk.exists(old), await desk.exists(young)) == (False, True)
    assert (await desk.last_run()).deleted["uploads_never_completed"] == 1


async def test_an_upload_that_completes_at_the_last_moment_is_not_harmed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either it is complete before it is taken from its owner, or its completion finds no such upload any more."""
    await desk.add_user()
    key = await desk.add_file("slow", status="pending", days=30)
    complete = update(files).where(files.c.id == "slow", files.c.status == "pending").values(status="uploaded")
    original = process_pages

    async def completes_after_reading(pages: Any, work: Any, **options: Any) -> Any:
        async def late(page: Any) -> None:
            async with desk.database.write() as connection:
                await connection.execute(complete)
            await work(page)

        return await original(pages, late, **options)

    monkeypatch.setattr("services.maintenance.orphaned_files.process_pages", completes_after_reading)
    await desk.clean(CleanFiles())
    assert (await desk.ids(files), await desk.exists(key)) == (["slow"], True)


async def test_an_object_without_a_row_goes_when_it_is_old(desk: Desk) -> None:
    """An upload whose row never came, or is gone; elsewhere in the bucket nothing is touched."""
    await desk.add_user()
    kept = await desk.add_file("known")
    elsewhere = ["reports/a.html", "claims/2999-01-01/aa", "uploads.txt", "thumbnails-old/a"]
    await desk.put("uploads/user-17/stray", "thumbnails/stray.webp", *elsewhere)
    await desk.clean(CleanFiles())
    assert await desk.keys() == sorted([kept, *elsewhere])
    assert (await desk.last_run()).deleted["objects_without_row"] == 2


async def test_a_young_object_without_a_row_stays(desk: Desk) -> None:
    """The object comes first and its row after it: an upload in progress must not be hit."""
    await desk.add_user()
    await desk.add_file("known")
    await desk.put("uploads/user-17/in-progress", "thumbnails/just-made.webp")
    await desk.clean(CleanFiles(), now=NOW - 2 * DAY)
    assert await desk.exists("uploads/user-17/in-progress")
    assert await desk.exists("thumbnails/just-made.webp")
    assert (await desk.last_run()).kept["objects_too_young"] == 2


async def test_a_thumbnail_stays_while_one_file_uses_it(desk: Desk) -> None:
    """It is named by its content, so files with the same content share it; it goes with the last of them."""
    await desk.add_user()
    await desk.add_file("orphan", None, thumbnail_key=THUMBNAIL)
    await desk.add_file("mine", thumbnail_key=THUMBNAIL)
    await desk.add_file("also-mine")
    await desk.put(THUMBNAIL)
    await desk.clean(CleanFiles())
    assert (await desk.ids(files), await desk.exists(THUMBNAIL)) == (["also-mine", "mine"], True)
    async with desk.database.write() as connection:
        await connection.execute(update(files).where(files.c.id == "mine").values(user_id=None))
    await desk.clean(CleanFiles())
    assert (await desk.ids(files), await desk.exists(THUMBNAIL)) == (["also-mine"], False)


async def test_a_thumbnail_that_is_stored_anew_meanwhile_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody uploads the same content again: the object is young when it comes to deleting it."""
    await desk.add_user()
    await desk.add_file("known")
    await desk.put(THUMBNAIL)
    original = desk.objects.stat

    async def stat(key: str) -> Any:
        info = await original(key)
        return type(info)(info.key, info.size, info.content_type, NOW)

    monkeypatch.setattr(desk.objects, "stat", stat)
    await desk.clean(CleanFiles())
    assert await desk.exists(THUMBNAIL)
    assert (await desk.last_run()).kept["objects_too_young"] == 1


async def test_a_run_cut_off_between_object_and_row_leaves_what_the_next_one_finds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object goes first: the row still leads there, wherever in the bucket the object was."""
    await desk.add_user()
    await desk.add_file("other")
    await desk.add_file("orphan", None, object_key="elsewhere/orphan")
    await desk.put("elsewhere/orphan")

    def fail(*_: Any) -> None:
        raise ConnectionAbortedError

    monkeypatch.setattr(orphaned_files, "_delete_rows", fail)
    with pytest.raises(ConnectionAbortedError):
        await desk.handle(CleanFiles(), _job())
    assert (await desk.exists("elsewhere/orphan"), await desk.ids(files)) == (False, ["orphan", "other"])
    monkeypatch.undo()
    await desk.clean(CleanFiles())
    assert await desk.ids(files) == ["other"]


async def test_a_run_cut_off_after_the_disowning_is_made_up_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that was taken from its owner is found by having none, and still counted for what it was."""
    await desk.add_user()
    await desk.add_file("known")
    key = await desk.add_file("abandoned", status="pending", days=30)

    async def away(*_: Any, **__: Any) -> bool:
        raise Unavailable("objects", "gone")

    monkeypatch.setattr("services.maintenance.handlers.delete_ownerless_files", away)
    with pytest.raises(Unavailable):
        await desk.handle(CleanFiles(), _job())
    assert await desk.exists(key)
    monkeypatch.undo()
    await desk.clean(CleanFiles(), "nightly")
    assert (await desk.exists(key), await desk.ids(files)) == (False, ["known"])
    done = [run for run in await desk.runs() if run.done]
    assert done[0].deleted["uploads_never_completed"] == 1


async def test_an_object_that_the_store_refuses_to_delete_keeps_its_row(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is what leads to it; the others go all the same, and no successor tries again at once."""
    await desk.add_user()
    await desk.add_file("known")
    locked = await desk.add_file("locked", None)
    await desk.add_file("free", None)
    monkeypatch.setattr(desk.objects, "delete", _refusing(desk, lambda key: key == locked))
    assert await desk.clean_all(CleanFiles(), "nightly") == ["nightly"]
    assert await desk.ids(files) == ["known", "locked"]
    assert (await desk.last_run()).kept["objects_refused"] == 1


async def test_a_store_that_refuses_everything_makes_no_endless_chain(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that could delete nothing goes on to what is next, instead of trying the same for ever."""
    await desk.add_user()
    await desk.add_file("known")
    for number in range(4):
        await desk.add_file(f"locked-{number}", None)
    monkeypatch.setattr(desk.objects, "delete", _refusing(desk, lambda _: True))
    ids = await desk.clean_all(CleanFiles(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=2)
    assert len(ids) < 8
    assert (await desk.runs())[-1].done


async def test_an_empty_database_is_taken_for_the_wrong_one(desk: Desk) -> None:
    """A bucket beside a database without any file: that nobody knows its objects proves nothing."""
    await desk.put("uploads/a", "thumbnails/b.webp")
    await desk.clean(CleanFiles())
    assert await desk.keys() == ["thumbnails/b.webp", "uploads/a"]
    run = await desk.last_run()
    assert (run.kept["objects_unchecked"], run.done) == (2, True)


async def test_the_walk_through_the_objects_goes_on_in_successors(desk: Desk) -> None:
    """Kept objects do not vanish, so the message says behind which one the next job goes on."""
    await desk.add_user()
    kept = [await desk.add_file(f"known-{number}") for number in range(5)]
    strays = [f"uploads/user-17/known-{number}-stray" for number in range(5)]
    await desk.put(*strays, "thumbnails/stray.webp")
    first = await desk.clean(CleanFiles(older_than_days=3), cleanup_seconds=1e-9, cleanup_page_rows=3)
    assert first.follow_ups[0].message == CleanFiles(older_than_days=3, after="thumbnails/stray.webp")
    ids = await desk.clean_all(CleanFiles(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=3)
    assert len(ids) >= 4
    assert await desk.keys() == sorted(kept)
    runs = [run for run in await desk.runs() if run.job_id.startswith("nightly")]
    assert [run.done for run in runs] == [False] * (len(runs) - 1) + [True]
    assert sum(run.deleted["objects_without_row"] for run in runs) == 5


async def test_many_orphans_go_in_pages(desk: Desk) -> None:
    """Rows and objects, whatever the size of a page."""
    await desk.add_user()
    await desk.add_file("known")
    for number in range(11):
        await desk.add_file(f"orphan-{number:02}", None)
    await desk.clean(CleanFiles(), cleanup_page_rows=3)
    assert await desk.ids(files) == ["known"]
    assert len(await desk.keys()) == 1
    assert (await desk.last_run()).deleted["files_without_owner"] == 11


async def test_an_orphan_without_an_object_goes_too(desk: Desk) -> None:
    """Also where the key on the row can be no object's."""
    await desk.add_user()
    await desk.add_file("known")
    row = {"user_id": None, "original_name": "a", "status": "failed", "created_at": NOW - timedelta(days=1)}
    async with desk.database.write() as connection:
        await connection.execute(
            insert(files), [row | {"id": "a", "object_key": "uploads/nothing"}, row | {"id": "b", "object_key": "../x"}]
        )
    await desk.clean(CleanFiles())
    async with desk.database.read() as connection:
        assert (await connection.execute(select(files.c.id))).scalars().all() == ["known"]


def _refusing(desk: Desk, locked: Callable[[str], bool]) -> Callable[[str], Any]:
    original = desk.objects.delete

    async def delete_unlocked(key: str) -> None:
        if locked(key):
            raise ObjectStoreRefusedError(f"{key} is locked")
        await original(key)

    return delete_unlocked

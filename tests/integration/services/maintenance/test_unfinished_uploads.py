"""Uploads that nobody completed end: no parts stay at the store, no object without a row."""

from datetime import timedelta

import httpx
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.maintenance import CleanFiles
from schema.tables import files, idempotency_keys, uploads
from tests.integration.services.maintenance.harness import DAY, NOW, CleanupHarness, Disturbed

HOUR = timedelta(hours=1)


async def begin(harness: CleanupHarness, file_id: str, *, expires_in: timedelta) -> str:
    """Write down a direct upload with one part at the store, as the gateway does; return its id at the store."""
    key = f"uploads/user-17/{file_id}"
    upload_id = await send_part(harness, key)
    row = {"id": file_id, "user_id": "user-17", "object_key": key, "original_name": "a", "status": "pending"}
    await harness.add(files, {**row, "created_at": NOW - HOUR})
    upload = {"id": f"upload-{file_id}", "file_id": file_id, "object_key": key, "store_upload_id": upload_id}
    await harness.add(
        uploads, {**upload, "size": 4, "part_size": 8 << 20, "created_at": NOW - HOUR, "expires_at": NOW + expires_in}
    )
    return upload_id


async def send_part(harness: CleanupHarness, key: str) -> str:
    """Begin a multipart upload and send its only part."""
    upload_id = await harness.transfers.begin(key, "a/b")
    async with httpx.AsyncClient() as client:
        url = harness.transfers.part_url(key, upload_id, 1, lifetime=HOUR)
        assert (await client.put(url, content=b"part")).status_code == 200
    return upload_id


async def unfinished(harness: CleanupHarness) -> list[str]:
    """The keys of unfinished uploads at the store."""
    return sorted([upload.key async for upload in harness.transfers.unfinished("uploads/")])


async def test_a_direct_upload_ends_with_its_time(harness: CleanupHarness) -> None:
    """Its parts, its row and its file go; one that still has time stays as it is."""
    await harness.add_user()
    await begin(harness, "late", expires_in=-HOUR)
    await begin(harness, "early", expires_in=HOUR)

    await harness.clean(CleanFiles())

    assert await unfinished(harness) == ["uploads/user-17/early"]
    assert (await harness.ids(files), await harness.ids(uploads)) == (["early"], ["upload-early"])
    run = await harness.last_run()
    assert (run.deleted["uploads_expired"], run.deleted["uploads_never_completed"]) == (1, 1)


async def test_an_upload_that_was_completed_keeps_its_file(harness: CleanupHarness) -> None:
    """Only the record of the upload goes; also where it completes at the last moment."""
    await harness.add_user()
    for file_id in ("before", "meanwhile"):
        upload_id = await begin(harness, file_id, expires_in=-HOUR)
        key = f"uploads/user-17/{file_id}"
        await harness.transfers.complete(key, upload_id, await harness.transfers.parts(key, upload_id))

    async def complete(connection: AsyncConnection) -> None:
        await connection.execute(update(files).where(files.c.status == "pending").values(status="uploaded"))

    await harness.clean(CleanFiles(), disturbed=Disturbed(harness.database, before=complete))

    assert (await harness.ids(files), await harness.ids(uploads)) == (["before", "meanwhile"], [])
    assert await harness.keys("uploads/") == ["uploads/user-17/before", "uploads/user-17/meanwhile"]


async def test_an_object_whose_completion_was_never_written_down_goes(harness: CleanupHarness) -> None:
    """The gateway was killed between the object and its row, and the client never came back."""
    await harness.add_user()
    upload_id = await begin(harness, "lost", expires_in=-HOUR)
    key = "uploads/user-17/lost"
    await harness.transfers.complete(key, upload_id, await harness.transfers.parts(key, upload_id))

    await harness.clean(CleanFiles())

    assert (await harness.ids(files), await harness.ids(uploads), await harness.keys("uploads/")) == ([], [], [])


async def test_parts_that_no_row_knows_go_when_they_are_old(harness: CleanupHarness) -> None:
    """A gateway was killed while it stored a stream; what is young may belong to an upload in progress."""
    await harness.add_user()
    await harness.add_file("kept")
    await send_part(harness, "uploads/user-17/killed")

    await harness.clean(CleanFiles(), "first", now=NOW - 8 * DAY)
    assert await unfinished(harness) == ["uploads/user-17/killed"]
    await harness.clean(CleanFiles(), "second")

    assert await unfinished(harness) == []
    assert (await harness.runs())[1].deleted["uploads_unknown"] == 1


async def test_an_upload_that_may_take_a_week_is_not_cut_short(harness: CleanupHarness) -> None:
    """Its parts are old, but its row says that there is time."""
    await harness.add_user()
    await begin(harness, "slow", expires_in=HOUR)

    await harness.clean(CleanFiles(older_than_days=1))

    assert await unfinished(harness) == ["uploads/user-17/slow"]


async def test_idempotency_keys_are_forgotten_after_a_day(harness: CleanupHarness) -> None:
    """The gateway promises a day, and no file goes with its key."""
    await harness.add_user()
    await harness.add_file("a")
    row = {"principal": "user:user-17", "fingerprint": "f", "file_id": "a", "alive_at": NOW}
    await harness.add(
        idempotency_keys,
        {**row, "key": "old", "created_at": NOW - 25 * HOUR},
        {**row, "key": "new", "created_at": NOW - 23 * HOUR},
    )

    await harness.clean(CleanFiles())

    assert (await harness.last_run()).deleted["idempotency_keys"] == 1
    assert await harness.ids(files) == ["a"]

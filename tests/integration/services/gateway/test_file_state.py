"""What becomes of a file: asked for, waited for, streamed as events; and deleted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from nightshift.embedded.servers.object_store import ObjectServer
from schema.tables import files
from services.gateway.files.repository import FileRow, find_file
from services.gateway.files.representation import version_of
from services.gateway.files.watch import FileWatch
from tests.harness import eventually
from tests.integration.services.gateway.files_client import Files, file_gateway

DATA = b"the bytes of a file"


@pytest.fixture(scope="module")
async def running(objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Files]:
    """A gateway without a broker: what becomes of a file is for the test to say."""
    folder = tmp_path_factory.mktemp("gateway")
    async with file_gateway(folder, None, objects_server, gateway_event_streams="20") as opened:
        yield opened


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Is released whenever somebody begins to wait for a file: `await watching.acquire()`."""
    begun, change = asyncio.Semaphore(0), FileWatch.change

    async def noted(self: FileWatch, file_id: str, known: str) -> FileRow | None:
        begun.release()
        return await change(self, file_id, known)

    monkeypatch.setattr(FileWatch, "change", noted)
    return begun


@pytest.fixture
async def api(running: Files) -> Files:
    """The gateway without any file."""
    await running.clear()
    return running


async def upload(api: Files) -> str:
    """Upload a file; return its path."""
    response = await api.post(DATA)
    assert response.status_code == 202
    return str(response.headers["location"])


async def becomes(api: Files, status: str, **values: Any) -> None:
    """Write down what became of the files, as the upload service does."""
    async with api.gateway.database.write() as connection:
        changed = {"status": status, "processed": status == "processed", "updated_at": datetime.now(UTC)}
        await connection.execute(update(files).values(changed | values))


async def events(api: Files, path: str, *, count: int | None = None, last: str = "") -> list[dict[str, str]]:
    """The events of a stream, to its end or so many."""
    found: list[dict[str, str]] = []
    headers = api.headers(**({"Last-Event-ID": last} if last else {}))
    async with api.client.stream("GET", f"{path}/events", headers=headers) as response:
        assert response.status_code == 200, response.status_code
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                event[name] = value
            elif not line and event:
                found.append(event)
                event = {}
                if len(found) == count:
                    break
    return found


async def test_a_file_shows_what_became_of_it(api: Files) -> None:
    """While it is processed, when to ask again; then the result, with links."""
    path = await upload(api)
    early = await api.get(path)
    await api.objects.put("thumbnails/x.webp", b"thumbnail", "image/webp")
    await becomes(api, "processed", metadata={"width": 7}, thumbnail_key="thumbnails/x.webp")
    late = await api.get(path)

    assert (early.json()["status"], early.json()["processing"], early.json()["processed"]) == ("uploaded", True, False)
    assert early.headers["retry-after"] == "1"
    assert (late.json()["status"], late.json()["processing"], late.json()["processed"]) == ("processed", False, True)
    assert late.json()["metadata"] == {"width": 7}
    assert "retry-after" not in late.headers
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(late.json()["downloadUrl"])).content == DATA
        assert (await anybody.get(late.json()["thumbnailUrl"])).content == b"thumbnail"


async def test_a_file_that_failed_says_why(api: Files) -> None:
    """In the words of its dead letter."""
    path = await upload(api)
    await becomes(api, "failed", error="it is empty")

    found = (await api.get(path)).json()

    assert (found["status"], found["error"], found["processing"]) == ("failed", "it is empty", False)


async def test_what_has_not_changed_is_not_sent_again(api: Files) -> None:
    """304 for the tag of the last answer, until the file changes."""
    path = await upload(api)
    tag = (await api.get(path)).headers["etag"]

    same = await api.get(path, If_None_Match=f'"x", {tag}')
    await becomes(api, "processed")
    changed = await api.get(path, If_None_Match=tag)

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (changed.status_code, changed.json()["status"]) == (200, "processed")


async def test_a_client_may_wait_for_the_result(api: Files, watching: asyncio.Semaphore) -> None:
    """`Prefer: wait` (RFC 7240): the answer comes when the file is final."""
    path = await upload(api)
    waiting = asyncio.create_task(api.get(path, Prefer="respond-async, wait=20"))
    await watching.acquire()
    assert not waiting.done()

    await becomes(api, "processed")
    response = await asyncio.wait_for(waiting, 5)

    assert response.json()["status"] == "processed"
    assert response.headers["preference-applied"] == "wait=20"


async def test_a_client_waits_no_longer_than_it_said(api: Files) -> None:
    """Then it hears how things are."""
    path = await upload(api)

    response = await asyncio.wait_for(api.get(path, Prefer="wait=1"), 5)

    assert (response.json()["status"], response.headers["retry-after"]) == ("uploaded", "1")
    assert (await api.get(path, Prefer="wait=never")).status_code == 200


async def test_events_tell_each_state_and_end_after_the_last(api: Files, watching: asyncio.Semaphore) -> None:
    """Each has an id, a name and the file."""
    path = await upload(api)
    following = asyncio.create_task(events(api, path))
    await watching.acquire()
    await becomes(api, "processed")

    found = await asyncio.wait_for(following, 5)

    assert [event["event"] for event in found] == ["uploaded", "processed"]
    assert '"status":"processed"' in found[-1]["data"]
    assert found[0]["id"] != found[1]["id"]


async def test_who_comes_back_hears_only_what_is_new(api: Files) -> None:
    """`Last-Event-ID` is where they were; after the last event there is nothing more to connect for."""
    path = await upload(api)
    (first,) = await events(api, path, count=1)
    await becomes(api, "failed", error="broken")

    (last,) = await events(api, path, last=first["id"])
    after = await api.get(f"{path}/events", Last_Event_ID=last["id"])

    assert last["event"] == "failed"
    assert after.status_code == 204


async def test_all_who_watch_share_one_query(api: Files) -> None:
    """A hundred who wait for five files ask the database as often as one does; each hears of its own file."""
    paths = [await upload(api) for _ in range(5)]
    found = [file for file in [await find_file(api.gateway.database, path[-32:]) for path in paths] if file]
    watch = FileWatch(api.gateway.database, period_seconds=0.05)
    waiting = [asyncio.create_task(watch.change(file.id, version_of(file))) for file in found for _ in range(20)]
    await eventually(lambda: watch.queries == 3, what="three queries")
    assert not any(task.done() for task in waiting)

    await becomes(api, "processed")
    changed = await asyncio.wait_for(asyncio.gather(*waiting), 5)

    assert [(file.id, file.status) for file in changed if file] == [
        (file.id, "processed") for file in found for _ in range(20)
    ]
    assert watch.queries < 10
    queries = watch.queries
    await asyncio.sleep(0.2)
    assert watch.queries == queries


async def test_streams_are_bounded_and_a_client_that_goes_frees_its_place(api: Files) -> None:
    """503 for one too many; a client that closes its stream gives its place back."""
    path = await upload(api)

    async def status() -> int:
        async with api.client.stream("GET", f"{path}/events", headers=api.headers()) as response:
            return response.status_code

    async def is_free() -> bool:
        return await status() == 200

    async with AsyncExitStack() as held:
        for _ in range(20):
            await held.enter_async_context(api.client.stream("GET", f"{path}/events", headers=api.headers()))
        assert await status() == 503
        assert (await api.get(path, Prefer="wait=5")).status_code == 503
        assert (await api.get(path)).status_code == 200

    await eventually(is_free, what="there is room again")


async def test_a_deleted_file_is_gone_at_once(api: Files, watching: asyncio.Semaphore) -> None:
    """For whoever asks, and whoever waits; its object goes with the next cleanup."""
    path = await upload(api)
    waiting = asyncio.create_task(api.get(path, Prefer="wait=20"))
    following = asyncio.create_task(events(api, path))
    await watching.acquire()
    await watching.acquire()

    deleted = await api.client.delete(path, headers=api.headers())

    assert deleted.status_code == 202
    assert (await asyncio.wait_for(waiting, 5)).status_code == 404
    assert [event["event"] for event in await asyncio.wait_for(following, 5)] == ["uploaded"]
    assert (await api.get(path)).status_code == 404
    assert (await api.client.delete(path, headers=api.headers())).status_code == 404
    assert (await api.row()).user_id is None


async def test_a_process_that_stops_ends_its_streams(
    objects_server: ObjectServer, tmp_path: Path, watching: asyncio.Semaphore
) -> None:
    """A stream never holds up a deploy; the client connects again, to another replica."""
    async with file_gateway(tmp_path, None, objects_server) as stopping:
        path = await upload(stopping)
        following = asyncio.create_task(events(stopping, path))
        waiting = asyncio.create_task(stopping.get(path, Prefer="wait=60"))
        await watching.acquire()
        await watching.acquire()

        stopping.gateway.stop.set()

        assert [event["event"] for event in await asyncio.wait_for(following, 5)] == ["uploaded"]
        assert (await asyncio.wait_for(waiting, 5)).json()["status"] == "uploaded"

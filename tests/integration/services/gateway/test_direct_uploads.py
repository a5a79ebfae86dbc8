"""Direct uploads: parts go past the gateway to the object store, and become a file when all are there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from nightshift.database.tables import outbox
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.gateway.auth.principal import Limits
from nightshift.objects.s3_transfers import open_transfers
from schema.tables import files, uploads
from services.gateway.files.part_sizes import part_size
from tests.integration.objects.transfer_rules import bytes_of
from tests.integration.services.gateway.files_client import ADA, BOB, Files, file_gateway

PART = 8 << 20
DATA = bytes_of(2 * PART + 1000)


@pytest.fixture(scope="module")
async def running(objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Files]:
    """A gateway without a broker: jobs stay in the outbox, where the test can count them."""
    async with file_gateway(tmp_path_factory.mktemp("gateway"), None, objects_server) as opened:
        yield opened


@pytest.fixture
async def api(running: Files) -> Files:
    """The gateway without any file."""
    await running.clear()
    return running


async def announce(api: Files, size: int = len(DATA), *, key: str = "", **more: Any) -> httpx.Response:
    """Ask for a direct upload."""
    body = {"filename": "film.mp4", "contentType": "video/mp4", "size": size, **more}
    headers = api.headers(**({"Idempotency_Key": key} if key else {}))
    return await api.client.post("/v1/uploads", json=body, headers=headers)


async def call(api: Files, method: str, path: str) -> httpx.Response:
    """Make a request without a body."""
    return await api.client.request(method, path, headers=api.headers())


async def send(part: dict[str, Any], data: bytes) -> httpx.Response:
    """Send a part to its address, as anybody could."""
    start = (part["number"] - 1) * PART
    async with httpx.AsyncClient() as anybody:
        return await anybody.put(part["url"], content=data[start : start + part["size"]])


async def upload_all(api: Files, data: bytes = DATA) -> str:
    """Announce an upload and send all its parts; return its path."""
    response = await announce(api, len(data))
    assert response.status_code == 201, response.text
    for part in response.json()["upload"]["parts"]:
        assert (await send(part, data)).status_code == 200
    return str(response.headers["location"])


async def unfinished(api: Files, server: ObjectServer) -> list[str]:
    """The keys of multipart uploads that the store still has."""
    transfers = open_transfers(server.endpoint, server.access_key, server.secret_key, api.gateway.settings.s3_bucket)
    found = [upload.key async for upload in transfers.unfinished("uploads/")]
    await transfers.close()
    return found


async def test_parts_become_a_file(api: Files, objects_server: ObjectServer) -> None:
    """Announced, sent to the store in any order, completed: the file is there, and its job."""
    response = await announce(api)
    body = response.json()
    assert (response.status_code, body["file"]["status"]) == (201, "pending")
    assert [(part["number"], part["size"]) for part in body["upload"]["parts"]] == [(1, PART), (2, PART), (3, 1000)]
    for part in reversed(body["upload"]["parts"]):
        assert (await send(part, DATA)).status_code == 200

    done = await call(api, "POST", f"{response.headers['location']}/complete")

    row = await api.row()
    assert (done.status_code, done.headers["location"]) == (202, f"/v1/files/{row.id}")
    assert (done.json()["processing"], done.json()["file"]["status"]) == (True, "uploaded")
    assert (row.user_id, row.status, row.size, row.content_type) == (ADA, "uploaded", len(DATA), "video/mp4")
    stored = await api.objects.read(row.object_key, limit=len(DATA))
    assert hashlib.sha256(stored).digest() == hashlib.sha256(DATA).digest()
    assert await api.outbox() == [f"gateway/upload.process/{row.id}/0"]
    assert await unfinished(api, objects_server) == []


async def test_completing_again_changes_nothing(api: Files) -> None:
    """The first answer may have been lost: 202 again, one job, also when twenty ask at once."""
    path = await upload_all(api)

    answers = await asyncio.gather(*(call(api, "POST", f"{path}/complete") for _ in range(20)))
    again = await call(api, "POST", f"{path}/complete")

    assert {answer.status_code for answer in answers} == {202}
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert len(await api.outbox()) == 1


async def test_what_crashed_between_object_and_row_is_completed_by_the_next_request(api: Files) -> None:
    """The parts are one object already, and the row does not know it yet."""
    path = await upload_all(api)
    await call(api, "POST", f"{path}/complete")
    async with api.gateway.database.write() as connection:
        await connection.execute(update(files).values(status="pending"))
        await connection.execute(outbox.delete())

    done = await call(api, "POST", f"{path}/complete")

    assert (done.status_code, (await api.row()).status) == (202, "uploaded")
    assert len(await api.outbox()) == 1


async def test_an_upload_goes_on_where_it_was(api: Files) -> None:
    """After a break a client asks which parts are missing, and gets addresses for these."""
    response = await announce(api)
    path, parts = response.headers["location"], response.json()["upload"]["parts"]
    await send(parts[1], DATA)

    state = (await call(api, "GET", path)).json()
    stored = (await call(api, "GET", f"{path}/parts")).json()
    signed = (await call(api, "POST", f"{path}/parts/3")).json()

    assert [part["number"] for part in state["upload"]["parts"]] == [1, 3]
    assert stored == {"parts": [{"number": 2, "size": PART}]}
    assert (signed["number"], signed["size"]) == (3, 1000)
    for part in (state["upload"]["parts"][0], signed):
        assert (await send(part, DATA)).status_code == 200
    assert (await call(api, "POST", f"{path}/complete")).status_code == 202


async def test_a_repeated_announcement_is_the_same_upload(api: Files, objects_server: ObjectServer) -> None:
    """Also when twenty come at once, also after some parts have come, also when it is complete."""
    answers = await asyncio.gather(*(announce(api, key="one") for _ in range(20)))
    body = answers[0].json()

    assert {answer.status_code for answer in answers} == {201}
    assert {answer.headers["location"] for answer in answers} == {answers[0].headers["location"]}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(await api.rows()) == len(await unfinished(api, objects_server)) == 1

    await send(body["upload"]["parts"][0], DATA)
    again = await announce(api, key="one")
    assert [part["number"] for part in again.json()["upload"]["parts"]] == [2, 3]
    for part in again.json()["upload"]["parts"]:
        await send(part, DATA)
    await call(api, "POST", f"{again.headers['location']}/complete")
    done = (await announce(api, key="one")).json()
    assert (done["file"]["id"], done["file"]["status"]) == (body["file"]["id"], "uploaded")
    assert done["upload"]["parts"] == []


async def test_a_key_is_for_one_announcement_until_that_is_over(api: Files) -> None:
    """Another one is refused; what was aborted, deleted, or is too old frees it."""
    first = await announce(api, key="one")

    other = await announce(api, 17, key="one")
    raw = await api.post(b"x", Idempotency_Key="one")
    strange = await announce(api, key="a/b")
    assert [(answer.status_code, answer.json()["code"]) for answer in (other, raw, strange)] == [
        (422, "key-reused"),
        (422, "key-reused"),
        (400, "invalid-id"),
    ]
    await call(api, "DELETE", first.headers["location"])
    second = await announce(api, key="one")
    async with api.gateway.database.write() as connection:
        await connection.execute(update(uploads).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    third = await announce(api, key="one")
    bob = await api.as_key(BOB)
    bobs = await announce(bob, key="one")
    ids = {answer.json()["upload"]["id"] for answer in (first, second, third, bobs)}
    assert ({answer.status_code for answer in (second, third, bobs)}, len(ids)) == ({201}, 4)
    for who, answer in ((api, second), (api, third), (bob, bobs)):
        assert (await call(who, "DELETE", answer.headers["location"])).status_code == 204


async def test_an_incomplete_upload_is_not_completed(api: Files) -> None:
    """409 says what is missing; a part of another size counts as wrong, and may be sent again."""
    response = await announce(api)
    path, parts = response.headers["location"], response.json()["upload"]["parts"]

    nothing = await call(api, "POST", f"{path}/complete")
    for part in parts:
        await send(part | ({"size": 999} if part["number"] == 3 else {}), DATA)
    short = await call(api, "POST", f"{path}/complete")
    await asyncio.sleep(1.1)  # the store tells versions of a part apart by the second
    await send(parts[2], DATA)

    assert [(answer.status_code, answer.json()["code"]) for answer in (nothing, short)] == [(409, "incomplete")] * 2
    assert "3 of 3 parts are missing" in nothing.json()["detail"]
    assert "Part 3 has 999 bytes" in short.json()["detail"]
    assert (await call(api, "POST", f"{path}/complete")).status_code == 202


async def test_addresses_are_dead_after_completion(api: Files) -> None:
    """Nobody changes what was checked."""
    response = await announce(api, 10)
    (part,) = response.json()["upload"]["parts"]
    await send(part, DATA)
    await call(api, "POST", f"{response.headers['location']}/complete")

    assert (await send(part, b"swapped...")).status_code == 404
    row = await api.row()
    assert await api.objects.read(row.object_key, limit=10) == DATA[:10]


async def test_an_aborted_upload_leaves_nothing(api: Files, objects_server: ObjectServer) -> None:
    """No parts, no file, no upload; the addresses are dead."""
    path = await upload_all(api)

    aborted = await call(api, "DELETE", path)

    assert aborted.status_code == 204
    assert (await call(api, "GET", path)).status_code == 404
    assert (await call(api, "DELETE", path)).status_code == 404
    assert ((await api.row()).user_id, (await api.row()).status) == (None, "failed")
    assert await api.rows(uploads) == []
    assert await unfinished(api, objects_server) == []


async def test_a_complete_upload_cannot_be_aborted(api: Files) -> None:
    """It is a file now: that can be deleted."""
    path = await upload_all(api)
    await call(api, "POST", f"{path}/complete")

    response = await call(api, "DELETE", path)

    assert (response.status_code, response.json()["code"]) == (409, "done")
    assert (await call(api, "POST", f"{path}/parts/1")).status_code == 409
    assert (await call(api, "GET", path)).json()["upload"]["parts"] == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"size": 0}, "/size"),
        ({"size": "many"}, "/size"),
        ({"size": 1.5}, "/size"),
        ({"filename": ""}, "/filename"),
        ({"filename": 7}, "/filename"),
        ({"sha256": "abc"}, "/sha256"),
        ({"nonsense": 1}, ""),
    ],
)
async def test_a_wrong_announcement_is_refused_with_a_pointer(api: Files, change: Any, pointer: str) -> None:
    """Nothing is begun at the store."""
    response = await announce(api, **change) if "size" not in change else await announce(api, change["size"])

    assert (response.status_code, response.json()["code"]) == (422, "invalid-body")
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert await api.rows() == []


async def test_what_may_not_be_uploaded_is_not_begun(api: Files, objects_server: ObjectServer) -> None:
    """Too large, for nobody, for somebody else, over the quota: as with any upload."""
    application, small = await api.as_key(None), await api.as_key(ADA, limits=Limits(bytes_per_day=100))

    answers = [
        await announce(api, 600 << 20),
        await announce(application),
        await announce(application, userId="nobody"),
        await announce(api, userId=BOB),
        await announce(small, 101),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (413, "too-large"),
        (400, "bad-request"),
        (422, "unknown-user"),
        (403, "forbidden"),
        (429, "quota-exceeded"),
    ]
    assert (await api.rows(), await unfinished(api, objects_server)) == ([], [])
    assert (await announce(application, userId=BOB)).status_code == 201
    not_json = await api.client.post("/v1/uploads", content=b"{", headers=api.headers(Content_Type="application/json"))
    assert (not_json.status_code, not_json.json()["code"]) == (400, "invalid-json")


async def test_a_user_reaches_only_their_own_uploads(api: Files) -> None:
    """Whatever is asked, and whichever id is tried."""
    bob = await api.as_key(BOB)
    path = (await announce(api)).headers["location"]

    for method, rest in (("GET", ""), ("GET", "/parts"), ("POST", "/parts/1"), ("POST", "/complete"), ("DELETE", "")):
        assert (await call(bob, method, path + rest)).status_code == 403
        assert (await call(bob, method, f"/v1/uploads/{'0' * 32}{rest}")).status_code == 404


@pytest.mark.parametrize("number", ["0", "4", "-1", "x", "1e3", "99999999999999999999", "%31"])
async def test_a_part_that_the_upload_does_not_have_gets_no_address(api: Files, number: str) -> None:
    """Parts are numbered from 1."""
    path = (await announce(api)).headers["location"]

    assert (await call(api, "POST", f"{path}/parts/{number}")).status_code == (200 if number == "%31" else 404)


async def test_an_upload_ends_with_its_time(api: Files) -> None:
    """After a day no part gets an address any more."""
    path = (await announce(api)).headers["location"]
    async with api.gateway.database.write() as connection:
        (expires,) = (await connection.execute(select(uploads.c.expires_at))).scalars()
        await connection.execute(update(uploads).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    assert timedelta(hours=23) < expires - datetime.now(UTC) < timedelta(hours=25)
    assert (await call(api, "POST", f"{path}/parts/1")).status_code == 404


@pytest.mark.parametrize(
    ("size", "parts_of"),
    [(1, 8 << 20), (80 << 30, 9 << 20), (10_000 * (8 << 20), 8 << 20), (5 << 40, 525 << 20)],
)
def test_an_upload_of_any_size_fits_into_ten_thousand_parts(size: int, parts_of: int) -> None:
    """All alike but the last, as R2 wants it; in whole mebibytes."""
    assert part_size(size) == parts_of
    assert -(-size // parts_of) <= 10_000

"""Files that come in through the gateway: what an answer promises, and what is refused."""

import asyncio
import hashlib
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, update

from nightshift.broker import Connection
from nightshift.database.tables import outbox
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.gateway.auth.principal import Limits
from schema.tables import files, idempotency_keys, users
from tests.harness import eventually, provisioned, stored
from tests.integration.gateway.harness import gateway, raw
from tests.integration.objects.transfer_rules import bytes_of, stream
from tests.integration.services.gateway.files_client import ADA, BOB, Files, file_gateway, make_api_key
from tests.servers import running as broker_running

DATA = bytes_of(300_000)
MAX_BYTES = 1_000_000


@pytest.fixture(scope="module")
async def running(
    operator: Connection, broker: Broker, objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Files]:
    """A gateway with everything behind it."""
    del operator
    async with file_gateway(
        tmp_path_factory.mktemp("gateway"),
        broker,
        objects_server,
        max_file_bytes=str(MAX_BYTES),
        gateway_uploads="4",
        gateway_uploads_per_key="3",
    ) as opened:
        yield opened


@pytest.fixture
async def api(running: Files) -> Files:
    """The gateway without any file."""
    await running.clear()
    return running


def digest_of(data: bytes) -> str:
    """The value of `Content-Digest`."""
    return f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"


def code_of(response: httpx.Response) -> str:
    """The code of a problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return str(response.json()["code"])


@pytest.mark.parametrize("way", ["raw", "chunked", "form"])
async def test_a_file_is_stored_byte_for_byte_and_its_job_published(api: Files, operator: Connection, way: str) -> None:
    """202 means: the object is there, its row says so, and the job is with the broker; nothing is left to relay."""
    match way:
        case "raw":
            response = await api.post(DATA, "/v1/files?filename=photo.jpg", content_type="image/jpeg")
        case "chunked":
            response = await api.post(stream(DATA), "/v1/files?filename=photo.jpg", content_type="image/jpeg")
        case _:
            parts = {"file": ("photo.jpg", DATA, "image/jpeg")}
            response = await api.client.post("/v1/files", files=parts, headers=api.headers())

    assert response.status_code == 202, response.text
    body, row = response.json(), await api.row()
    assert response.headers["location"] == f"/v1/files/{row.id}"
    assert body["processing"] is True
    assert body["file"]["id"] == row.id
    assert (row.user_id, row.status, row.original_name, row.content_type, row.size, row.checksum) == (
        ADA,
        "uploaded",
        "photo.jpg",
        "image/jpeg",
        len(DATA),
        hashlib.sha256(DATA).hexdigest(),
    )
    assert row.object_key == f"uploads/{ADA}/{row.id}"
    assert await api.objects.read(row.object_key, limit=len(DATA)) == DATA
    assert (await api.objects.stat(row.object_key)).content_type == "image/jpeg"
    jobs = [job for job in await stored(operator, "UPLOAD") if job.headers["Job-Id"] == f"upload-{row.id}"]
    assert [json.loads(job.body) for job in jobs] == [{"fileId": row.id, "userId": ADA}]
    assert await api.outbox() == []


async def test_a_file_can_be_fetched_under_its_name(api: Files) -> None:
    """The link of the answer leads to the bytes, for saving."""
    response = await api.post(DATA, "/v1/files?filename=M%C3%A4use.html", content_type="text/html")

    async with httpx.AsyncClient() as anybody:
        fetched = await anybody.get(response.json()["file"]["downloadUrl"])

    assert fetched.content == DATA
    assert (
        fetched.headers["content-disposition"]
        == "attachment; filename=\"M_use.html\"; filename*=UTF-8''M%C3%A4use.html"
    )


# What is refused


async def assert_nothing(api: Files) -> None:
    """Nobody owns a file, and no object is there."""
    assert [row.status for row in await api.rows() if row.user_id] == []
    assert await api.keys() == []
    assert await api.outbox() == []


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(api: Files) -> None:
    """413 without a byte of it read; nothing is written down."""
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\nContent-Length: {MAX_BYTES + 1}\r\n"
    )

    for expect in ("", "Expect: 100-continue\r\n"):
        answer = await raw(api.gateway.port, f"{head}{expect}\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"code":"too-large"' in answer

    assert await api.rows() == []


@pytest.mark.parametrize("way", ["chunked", "form"])
async def test_a_stream_that_turns_out_too_large_is_refused(api: Files, way: str) -> None:
    """As soon as it is known; there is no object."""
    data = bytes(MAX_BYTES + 1)
    response = await (api.form(data) if way == "form" else api.post(stream(data)))

    assert (response.status_code, code_of(response)) == (413, "too-large")
    await assert_nothing(api)


@pytest.mark.parametrize("way", ["raw", "chunked", "form"])
async def test_bytes_of_another_digest_than_announced_are_not_stored(api: Files, way: str) -> None:
    """One byte is enough; with the right digest it is stored."""
    wrong = DATA[:-1] + b"?"

    async def send(data: bytes) -> httpx.Response:
        if way == "form":
            part = ("a.bin", data, "a/b", {"Content-Digest": digest_of(DATA)})
            return await api.client.post("/v1/files", files={"file": part}, headers=api.headers())
        return await api.post(data if way == "raw" else stream(data), content_digest=digest_of(DATA))

    response = await send(wrong)
    assert (response.status_code, code_of(response)) == (422, "digest-mismatch")
    await assert_nothing(api)
    assert (await send(DATA)).status_code == 202


@pytest.mark.parametrize(
    "header", ["", "sha-256=abc", "sha-256=:YWJj:", "sha-256=:****:", "md5=:YWJj:", "sha-256", "=:YWJj:", ",,,"]
)
async def test_a_digest_that_cannot_be_checked_is_refused(api: Files, header: str) -> None:
    """Nobody believes that something was verified which was not."""
    response = await api.post(DATA, content_digest=header)

    assert (response.status_code, code_of(response)) == (400, "bad-request")
    await assert_nothing(api)


async def test_a_compressed_body_is_refused(api: Files) -> None:
    """What it unpacks to is not known before."""
    response = await api.post(DATA, content_encoding="gzip")

    assert (response.status_code, code_of(response)) == (415, "unsupported-media-type")


FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nbytes\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nbytes\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x--\r\n",
        b"nonsense" * 1000,
        FIELD + b"--x--\r\n",
        FILE,
        FILE + FILE + b"--x--\r\n",
        FILE[:-10],
        FIELD * 100 + FILE + b"--x--\r\n",
        FILE.replace(b"filename", b"fi\xfflename") + b"--x--\r\n",
        b"--x\r\n" + b"A: b\r\n" * 50 + FILE[5:] + b"--x--\r\n",
        b"--x\r\nA: " + b"b" * 10_000 + b"\r\n" + FILE[5:] + b"--x--\r\n",
        FIELD.replace(b"bytes", b"\xff") + FILE + b"--x--\r\n",
        FILE + FIELD.replace(b"bytes", b"b" * 300_000) + b"--x--\r\n",
        FILE + b"--x--\r\n" + b"epilogue" * 40_000,
    ],
)
async def test_a_form_that_is_not_as_it_should_be_is_refused(api: Files, body: bytes) -> None:
    """Without a file, with two, cut off, with too much in it or after it: 400, and nothing is stored."""
    response = await api.post(body, "/v1/files", content_type="multipart/form-data; boundary=x")

    assert (response.status_code, code_of(response)) == (400, "bad-request")
    await assert_nothing(api)


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 300, '; boundary="\t"'])
async def test_a_form_needs_a_boundary(api: Files, boundary: str) -> None:
    """As RFC 2046 has it."""
    response = await api.post(FILE, "/v1/files", content_type=f"multipart/form-data{boundary}")

    assert (response.status_code, code_of(response)) == (400, "bad-request")


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_a_form_may_come_in_pieces_of_any_size(api: Files, size: int) -> None:
    """Wherever the pieces are cut, also within the boundaries, and with a line break at the end."""
    body = FIELD + FILE.replace(b"bytes", DATA[:500] + b"\r\n--y\r\n-") + b"--x--\r\n"

    response = await api.post(stream(body, piece=size), content_type="multipart/form-data; boundary=x")

    assert response.status_code == 202, response.text
    row = await api.row()
    assert await api.objects.read(row.object_key, limit=1000) == DATA[:500] + b"\r\n--y\r\n-"


# Whose file it is


async def test_the_application_says_whose_file_it_is(api: Files) -> None:
    """As a query parameter, or as a field before the file."""
    application = await api.as_key(None)

    first = await application.post(DATA, f"/v1/files?userId={BOB}")
    second = await application.form(DATA, fields={"userId": ADA})

    assert [first.json()["file"]["userId"], second.json()["file"]["userId"]] == [BOB, ADA]


@pytest.mark.parametrize(
    ("bound_to", "user", "status", "code"),
    [
        (None, "", 400, "bad-request"),
        (None, "nobody", 422, "unknown-user"),
        (None, "x" * 201, 400, "bad-request"),
        (ADA, BOB, 403, "forbidden"),
    ],
)
async def test_a_file_without_a_rightful_owner_is_refused(
    api: Files, bound_to: str | None, user: str, status: int, code: str
) -> None:
    """Before a byte of it is read."""
    response = await (await api.as_key(bound_to)).post(DATA, f"/v1/files?userId={user}")

    assert (response.status_code, code_of(response)) == (status, code)
    assert await api.rows() == []


async def test_a_key_needs_the_scope(api: Files) -> None:
    """Writing is one right, reading another."""
    reader = await api.as_key(ADA, "files:read")
    writer = await api.as_key(ADA, "files:write")
    made = (await writer.post(DATA)).json()["file"]["id"]

    assert (await reader.post(DATA)).status_code == 403
    assert (await writer.get(f"/v1/files/{made}")).status_code == 403
    assert (await reader.get(f"/v1/files/{made}")).status_code == 200
    assert (await api.client.post("/v1/files", content=DATA)).status_code == 401


async def test_a_user_reaches_only_their_own_files(api: Files) -> None:
    """Whatever is asked about another's file, and whichever id is tried."""
    bob = await api.as_key(BOB)
    made = (await api.post(DATA)).json()["file"]["id"]

    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        response = await bob.client.request(method, f"/v1/files/{made}{path}", headers=bob.headers())
        assert (response.status_code, code_of(response)) == (403, "forbidden")
        response = await bob.client.request(method, f"/v1/files/{'0' * 32}{path}", headers=bob.headers())
        assert (response.status_code, code_of(response)) == (404, "not-found")
    assert (await api.row()).user_id == ADA


# Names and types


@pytest.mark.parametrize(
    ("sent", "stored_as"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\Käse.txt", "Käse.txt"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("e\u0301.txt", "é.txt"),
        ("a\r\nb\x00c.txt", "abc.txt"),
        ("..", "file"),
        ("/", "file"),
        ("ä" * 200 + ".jpeg", "ä" * 125 + ".jpeg"),
        ("x" * 300, "x" * 255),
    ],
)
async def test_a_name_is_made_safe(api: Files, sent: str, stored_as: str) -> None:
    """The last segment, without what turns or hides text, in NFC, in 255 bytes; it is never part of a key."""
    await api.client.post("/v1/files", params={"filename": sent}, content=DATA, headers=api.headers())

    row = await api.row()
    assert row.original_name == stored_as
    assert row.object_key == f"uploads/{ADA}/{row.id}"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'attachment; filename="photo one.jpg"', "photo one.jpg"),
        (b"attachment; filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
        (b"attachment; filename=\"plain\"; filename*=UTF-8''%e2%82%ac", "€"),
        (b"attachment; filename=\"plain\"; filename*=klingon''x", "plain"),
        ('attachment; filename="Käse"'.encode(), "Käse"),
        (b"attachment", "file"),
        (b'\xff\xfe;;;="', "file"),
    ],
)
async def test_a_name_may_come_in_a_header(api: Files, disposition: bytes, name: str) -> None:
    """Content-Disposition as RFC 6266 has it."""
    headers = {**api.headers(), "Content-Disposition": disposition}
    await api.client.post("/v1/files", content=DATA, headers=headers)  # type: ignore[arg-type]  # bytes as they are

    assert (await api.row()).original_name == name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("image/jpeg", "image/jpeg"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("nonsense", "application/octet-stream"),
        ("a/" + "b" * 300, "application/octet-stream"),
    ],
)
async def test_the_type_is_kept_as_it_is_claimed(api: Files, sent: str, kept: str) -> None:
    """Where it is a type at all; the upload service finds out the real one."""
    await api.post(DATA, content_type=sent)

    assert (await api.row()).content_type == kept


# Limits


async def slow(gate: asyncio.Event) -> AsyncIterator[bytes]:
    """A body of which the last byte comes when the gate opens."""
    yield DATA
    await gate.wait()
    yield b"."


async def test_uploads_have_slots(api: Files) -> None:
    """Who finds none hears so at once: of this key (429), or of all (503); small requests go on."""
    gate, other = asyncio.Event(), await api.as_key(BOB)
    going = [asyncio.create_task(api.post(slow(gate))) for _ in range(3)]
    await eventually(lambda: _count(api, 3), what="three uploads run")

    mine = await api.post(DATA)
    going.append(asyncio.create_task(other.post(slow(gate))))
    await eventually(lambda: _count(api, 4), what="four uploads run")
    theirs = await other.post(DATA)
    state = await api.get(f"/v1/files/{(await api.rows())[0].id}")
    gate.set()

    assert (mine.status_code, code_of(mine)) == (429, "too-many-requests")
    assert (theirs.status_code, code_of(theirs)) == (503, "busy")
    assert "retry-after" in mine.headers
    assert "retry-after" in theirs.headers
    assert state.status_code == 200
    assert [response.status_code for response in await asyncio.gather(*going)] == [202] * 4
    assert (await api.post(DATA)).status_code == 202


async def _count(api: Files, count: int) -> bool:
    return len(await api.rows()) == count


async def test_a_user_has_a_quota_of_files_and_bytes(api: Files) -> None:
    """A day's; what has failed does not count, and another user has their own."""
    few = await api.as_key(ADA, limits=Limits(files_per_day=2))
    small = await api.as_key(BOB, limits=Limits(bytes_per_day=400_000))
    await few.post(DATA, content_digest=digest_of(b"other"))

    assert [(await few.post(DATA)).status_code for _ in range(3)] == [202, 202, 429]
    assert (await small.post(DATA)).status_code == 202
    announced = await small.post(DATA)
    streamed = await small.post(stream(DATA))

    assert (announced.status_code, code_of(announced)) == (429, "quota-exceeded")
    assert (streamed.status_code, code_of(streamed)) == (429, "quota-exceeded")
    assert int(announced.headers["retry-after"]) <= 24 * 3600
    assert (await small.post(DATA[:1000])).status_code == 202
    assert len(await api.keys()) == 4


# Idempotency


async def test_the_same_key_again_answers_with_the_same_file(api: Files) -> None:
    """Marked as replayed, and before the body is sent where the client asks first; bare or quoted is the same."""
    first = await api.post(DATA, idempotency_key="order-17")
    again = await api.post(DATA, idempotency_key='"order-17"')
    head = (
        f"POST /v1/files?filename=a.bin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        f"Idempotency-Key: order-17\r\nContent-Length: {len(DATA)}\r\nExpect: 100-continue\r\n\r\n"
    )
    unread = await raw(api.gateway.port, head.encode())

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["file"]["id"] == first.json()["file"]["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert unread.startswith(b"HTTP/1.1 202 ")
    assert len(await api.keys()) == 1


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/files?filename=other.bin", {}),
        ("/v1/files?filename=a.bin", {"content_type": "image/png"}),
        ("/v1/files?filename=a.bin", {"content_digest": digest_of(DATA)}),
    ],
)
async def test_a_key_is_not_used_for_something_else(api: Files, path: str, headers: dict[str, str]) -> None:
    """Another name, type or digest under the same key is a mistake, and no second file."""
    await api.post(DATA, idempotency_key="k")

    response = await api.post(DATA, path, idempotency_key="k", **headers)

    assert (response.status_code, code_of(response)) == (422, "key-reused")
    assert len(await api.rows()) == 1


async def test_a_key_is_of_its_user(api: Files) -> None:
    """Two users may choose the same; each has a file of their own."""
    bob = await api.as_key(BOB)

    responses = [await who.post(DATA, idempotency_key="k") for who in (api, bob)]

    assert len({response.json()["file"]["id"] for response in responses}) == 2


@pytest.mark.parametrize("header", ['""', '"a', "ä", "x" * 256, ""])
async def test_a_key_that_is_none_is_refused(api: Files, header: str) -> None:
    """Instead of being ignored: the client would believe to be safe."""
    headers = {**api.headers(), "Idempotency-Key": header.encode()}

    response = await api.client.post("/v1/files", content=DATA, headers=headers)  # type: ignore[arg-type]  # bytes

    assert (response.status_code, code_of(response)) == (400, "invalid-id")


async def test_of_fifty_at_once_with_one_key_one_is_stored(api: Files) -> None:
    """The others hear that it is being worked on, or that it is done; nobody makes a second file."""
    wide = await api.as_key(ADA)
    responses = await asyncio.gather(*(wide.post(DATA, idempotency_key="k") for _ in range(50)))

    codes = [response.status_code for response in responses]
    assert set(codes) <= {202, 409, 429, 503}
    assert {response.json()["file"]["id"] for response in responses if response.status_code == 202} == {
        (await api.row()).id
    }
    assert len(await api.keys()) == 1


async def test_a_key_in_use_is_in_progress_until_its_upload_ends(api: Files) -> None:
    """409 says wait; when the upload has failed, the key is free at once."""
    gate = asyncio.Event()

    async def broken() -> AsyncIterator[bytes]:
        yield DATA
        await gate.wait()
        raise ConnectionResetError

    going = asyncio.create_task(api.post(broken(), idempotency_key="k"))
    await eventually(lambda: _count(api, 1), what="the upload runs")
    meanwhile = await api.post(stream(DATA), idempotency_key="k")
    gate.set()
    with pytest.raises(ConnectionResetError):
        await going

    async def stored_now() -> bool:
        return (await api.post(stream(DATA), idempotency_key="k")).status_code == 202

    assert (meanwhile.status_code, code_of(meanwhile)) == (409, "in-progress")
    assert "retry-after" in meanwhile.headers
    await eventually(stored_now, what="the key is free")
    assert len(await api.keys()) == 1


async def test_the_key_of_an_upload_that_has_died_is_taken_over(api: Files) -> None:
    """Its process was killed: half a minute later the key is free, with another object; the old row has no owner."""
    await api.post(DATA, idempotency_key="k")
    old = await api.row()
    async with api.gateway.database.write() as connection:
        await connection.execute(update(files).values(status="pending"))
        aged = datetime.now(UTC) - timedelta(seconds=31)
        await connection.execute(update(idempotency_keys).values(alive_at=aged))

    response = await api.post(DATA, idempotency_key="k")

    assert response.status_code == 202
    assert "idempotency-replayed" not in response.headers
    rows = {row.id: row for row in await api.rows()}
    assert (rows[old.id].user_id, rows[old.id].status) == (None, "failed")
    new = rows[response.json()["file"]["id"]]
    assert new.status == "uploaded"
    assert new.object_key != old.object_key


async def test_a_key_is_forgotten_after_a_day_and_with_its_file(api: Files) -> None:
    """Then it may be used for something else."""
    await api.post(DATA, idempotency_key="k")
    async with api.gateway.database.write() as connection:
        aged = datetime.now(UTC) - timedelta(hours=25)
        await connection.execute(update(idempotency_keys).values(created_at=aged))

    second = await api.post(DATA, "/v1/files?filename=b", idempotency_key="k")
    await api.client.delete(second.headers["location"], headers=api.headers())
    third = await api.post(DATA, "/v1/files?filename=c", idempotency_key="k")

    assert (second.status_code, third.status_code) == (202, 202)


# Clients that go, things that are away


@pytest.mark.parametrize("chunked", [True, False])
async def test_half_a_body_leaves_nothing(api: Files, chunked: bool) -> None:  # noqa: FBT001
    """A client that goes in the middle: no object, no owner, no job; the slot is free again."""
    kind = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 600000"
    data = b"40000\r\n" + DATA[:0x40000] + b"\r\n" if chunked else DATA
    head = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + api.key.encode() + b"\r\n" + kind
    _, writer = await asyncio.open_connection("127.0.0.1", api.gateway.port)
    writer.write(head + b"\r\n\r\n" + data)
    await writer.drain()
    await eventually(lambda: _count(api, 1), what="the upload has begun")

    writer.transport.abort()

    async def given_up() -> bool:
        return [row.user_id for row in await api.rows()] == [None]

    await eventually(given_up, what="the row is given up")
    await assert_nothing(api)


async def test_a_file_that_was_removed_meanwhile_is_not_completed(api: Files) -> None:
    """The cleanup, or its owner, was faster: 409, and its object goes again."""
    gate = asyncio.Event()
    going = asyncio.create_task(api.post(slow(gate)))
    await eventually(lambda: _count(api, 1), what="the upload runs")
    async with api.gateway.database.write() as connection:
        await connection.execute(update(files).values(user_id=None, status="failed"))
    gate.set()

    response = await going

    assert (response.status_code, code_of(response)) == (409, "gone-meanwhile")
    assert await api.keys() == []


async def test_without_a_broker_the_job_waits_in_the_outbox(objects_server: ObjectServer, tmp_path: Path) -> None:
    """202 all the same: the relay of the upload service publishes it."""
    async with file_gateway(tmp_path, None, objects_server) as lonely:
        response = await lonely.post(DATA)

        made = response.json()["file"]["id"]
        assert response.status_code == 202
        assert await lonely.outbox() == [f"gateway/upload.process/{made}/0"]
        (row,) = await lonely.rows(outbox)
        assert (row.consumer, row.type, row.parent_id, row.subject) == ("gateway", None, None, "jobs.upload.process")
        assert row.headers["Job-Id"] == f"upload-{made}"


async def test_a_frozen_broker_holds_no_upload_up(objects_server: ObjectServer, tmp_path: Path) -> None:
    """The file is stored, and its job waits in the outbox."""
    async with (
        broker_running(Broker(tmp_path / "broker")) as frozen,
        provisioned(frozen),
        file_gateway(tmp_path, frozen, objects_server) as api,
    ):
        frozen.pause()
        try:
            began = time.monotonic()
            answer = await api.post(DATA)
            seconds = time.monotonic() - began
        finally:
            frozen.resume()
        assert (answer.status_code, seconds < 2.5) == (202, True)
        assert await api.outbox() == [f"gateway/upload.process/{answer.json()['file']['id']}/0"]


@pytest.mark.parametrize("length_known", [True, False])
async def test_without_an_object_store_nothing_is_accepted(broker: Broker, tmp_path: Path, length_known: bool) -> None:  # noqa: FBT001
    """503, safe to repeat with the same key at once."""
    async with gateway(tmp_path, broker=broker) as running:
        async with running.database.write() as connection:
            await connection.execute(insert(users), {"id": ADA, "email": "ada@example.com"})
        headers = {"Authorization": f"Bearer {await make_api_key(running.database, user=ADA)}", "Idempotency-Key": "k"}

        for _ in range(2):
            content = DATA if length_known else stream(DATA)
            response = await running.client.post("/v1/files", content=content, headers=headers)
            assert (response.status_code, code_of(response)) == (503, "unavailable")
            assert "retry-after" in response.headers

"""Files and jobs on PostgreSQL, which may fall silent at any moment: whoever asks is told so soon."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.gateway.auth.principal import Limits
from schema.tables import idempotency_keys
from tests.harness import eventually
from tests.integration.database.silence import Silence, silence_before
from tests.integration.services.gateway.files_client import ADA, SCOPES, Files, file_gateway
from tests.postgres_server import PostgresServer, postgres_server

MAIL = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}
SOON_SECONDS = 10.0


@dataclass
class OnPostgres:
    """A gateway without a broker, and what is between it and its database."""

    api: Files
    between: Silence


@pytest.fixture(scope="module")
async def running(objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OnPostgres]:
    """Both, for all tests: nothing is said to the database directly but by the test itself."""
    async with postgres_server() as server, silence_before(LOOPBACK, server.port) as between:
        folder = tmp_path_factory.mktemp("gateway")
        url = _through(server, between)
        async with file_gateway(folder, None, objects_server, database_url=url) as api:
            yield OnPostgres(await api.as_key(ADA, *SCOPES, "jobs:write"), between)


@pytest.fixture
async def api(running: OnPostgres) -> Files:
    """The gateway without any file."""
    await running.api.clear()
    return running.api


def _through(server: PostgresServer, between: Silence) -> str:
    return server.url_by(LOOPBACK).replace(f":{server.port}/", f":{between.port}/")


async def test_a_file_passes_through_all_its_routes(api: Files) -> None:
    """Taken in once under one key, whoever comes at the same time; shown, followed, deleted."""
    answers = await asyncio.gather(*(api.post(b"bytes", Idempotency_Key="one") for _ in range(12)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    again = await api.post(b"bytes", Idempotency_Key="one")
    made = again.json()["file"]["id"]
    assert (again.status_code, again.headers["idempotency-replayed"], len(await api.outbox())) == (202, "true", 1)
    assert (await api.post(b"others", Idempotency_Key="one")).json()["code"] == "key-reused"
    assert (await api.form(b"form", "b.txt")).status_code == 202
    assert (await api.get(f"/v1/files/{made}")).json()["status"] == "uploaded"
    deleted = await api.client.delete(f"/v1/files/{made}", headers=api.headers())
    assert (deleted.status_code, (await api.get(f"/v1/files/{made}")).status_code) == (202, 404)


async def test_a_direct_upload_passes_through_all_its_routes(api: Files) -> None:
    """Announced once under one key, sent, completed by many at once: one job."""
    body = {"filename": "a.bin", "size": 5}
    headers = api.headers(Idempotency_Key="one")
    announced = await asyncio.gather(*(api.client.post("/v1/uploads", json=body, headers=headers) for _ in range(6)))
    assert {answer.status_code for answer in announced} == {201}
    (path,) = {answer.headers["location"] for answer in announced}
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.put(announced[0].json()["upload"]["parts"][0]["url"], content=b"bytes")).is_success
    done = await asyncio.gather(*(api.client.post(f"{path}/complete", headers=api.headers()) for _ in range(6)))
    assert {answer.status_code for answer in done} == {202}
    assert len(await api.outbox()) == 1


async def test_a_quota_holds_also_for_uploads_at_the_same_time(api: Files) -> None:
    """They wait for each other: no more come in than are allowed."""
    small = await api.as_key(ADA, *SCOPES, limits=Limits(files_per_day=3))
    answers = await asyncio.gather(*(small.post(b"bytes") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 5


async def test_a_database_that_falls_silent_amid_an_upload_is_told(running: OnPostgres, api: Files) -> None:
    """503 within seconds; the same request, when it is back, ends in one file."""

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        await eventually(lambda: api.rows(idempotency_keys), what="the row is there")
        running.between.silent = True
        yield b"rest"

    try:
        began = time.monotonic()
        refused = await api.post(body(), Idempotency_Key="one")
        seconds = time.monotonic() - began
    finally:
        running.between.silent = False
    assert (refused.status_code, refused.json()["code"], int(refused.headers["retry-after"]) > 0) == (
        503,
        "unavailable",
        True,
    )
    assert seconds < SOON_SECONDS

    async def is_stored() -> bool:
        async with api.gateway.database.write() as connection:  # a key is free half a minute after the last byte
            aged = datetime.now(UTC) - timedelta(seconds=31)
            await connection.execute(update(idempotency_keys).values(alive_at=aged))
        return (await api.post(_pieces(b"half", b"rest"), Idempotency_Key="one")).status_code == 202

    await eventually(is_stored, what="the repeated upload is stored", timeout_seconds=30)
    assert [row.size for row in await api.rows() if row.user_id] == [8]


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_every_route_answers_while_the_database_is_silent(running: OnPostgres, api: Files) -> None:
    """503, and none waits for longer than a client would."""
    made = (await api.post(b"bytes")).json()["file"]["id"]
    running.between.silent = True
    try:
        began = time.monotonic()
        answers = await asyncio.gather(
            api.get(f"/v1/files/{made}"),
            api.get(f"/v1/files/{made}/events"),
            api.get(f"/v1/files/{made}", Prefer="wait=30"),
            api.post(b"more"),
            api.form(b"more"),
            api.client.post("/v1/uploads", json={"filename": "a", "size": 1}, headers=api.headers()),
            api.client.post("/v1/jobs/email.send", json=MAIL, headers=api.headers()),
            api.client.delete(f"/v1/files/{made}", headers=api.headers()),
        )
        seconds = time.monotonic() - began
    finally:
        running.between.silent = False
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "unavailable")] * 8
    assert seconds < SOON_SECONDS
    await eventually(lambda: _is_shown(api, made), what="it is shown again", timeout_seconds=30)


async def _is_shown(api: Files, made: str) -> bool:
    return (await api.get(f"/v1/files/{made}")).status_code == 200


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ff%fe", "%F0%9F%9A%80", "x" * 5000, "%ED%A0%80"])
async def test_an_id_of_any_characters_is_one_that_there_is_not(api: Files, name: str) -> None:
    """Also such as PostgreSQL cannot compare with anything."""
    everything = await api.as_key(None, *SCOPES, "jobs:write", "jobs:read", "jobs:cancel")
    for method, path in (
        ("GET", f"/v1/files/{name}"),
        ("GET", f"/v1/files/{name}/events"),
        ("DELETE", f"/v1/files/{name}"),
        ("GET", f"/v1/uploads/{name}"),
        ("POST", f"/v1/uploads/{name}/parts/1"),
        ("POST", f"/v1/uploads/{name}/complete"),
        ("POST", f"/v1/files?userId={name}"),
    ):
        answer = await api.client.request(method, path, headers=everything.headers())
        assert 400 <= answer.status_code < 500, (method, path, answer.text)
    for method in ("GET", "DELETE"):  # the broker is away, so that no more than this can be told
        answer = await api.client.request(method, f"/v1/jobs/email.send/{name}", headers=everything.headers())
        assert answer.json()["code"] in {"unknown-job", "unavailable", "not-found", "invalid-id"}, answer.text

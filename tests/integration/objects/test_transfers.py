"""Every kind of transfers, real and fake, keeps the same rules; and what the real ones do in bad times."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects import ObjectMissingError, ObjectStoreRefusedError
from nightshift.objects.fake_transfers import FakeObjectTransfers
from nightshift.objects.s3 import S3ObjectStore
from nightshift.objects.s3_http import S3Http
from nightshift.objects.s3_signer import open_signer
from nightshift.objects.s3_transfers import S3Transfers, attachment, open_transfers
from nightshift.outcomes import Unavailable
from nightshift.testing import FakeObjectStore
from tests.harness import eventually
from tests.integration.objects.answers import Answers, answering
from tests.integration.objects.rules import names_in
from tests.integration.objects.transfer_rules import HOUR, Place, TransferRules, bytes_of, stream


@pytest.fixture
async def transfers(objects_server: ObjectServer, s3: S3ObjectStore) -> AsyncIterator[S3Transfers]:
    """Transfers of the bucket of `s3`."""
    server = objects_server
    bucket = s3.place.rpartition(" ")[2]
    opened = open_transfers(server.endpoint, server.access_key, server.secret_key, bucket)
    yield opened
    await opened.close()


class TestS3Transfers(TransferRules):
    """The rules on a real S3 server, and a client with nothing but addresses."""

    @pytest.fixture
    async def place(self, s3: S3ObjectStore, transfers: S3Transfers) -> AsyncIterator[Place]:
        """A bucket in the embedded object store."""
        async with httpx.AsyncClient() as client:

            async def put(url: str, data: bytes) -> int:
                return (await client.put(url, content=data)).status_code

            async def get(url: str) -> bytes:
                response = await client.get(url)
                if response.status_code == 404:
                    raise ObjectMissingError(url)
                return response.content

            yield Place(transfers, s3, put, get)


class TestFakeTransfers(TransferRules):
    """The rules on the fake that other tests use."""

    @pytest.fixture
    def place(self) -> Place:
        """Transfers in memory."""
        store = FakeObjectStore()
        fake = FakeObjectTransfers(store)
        return Place(fake, store, fake.put_part, fake.get)


@pytest.fixture
async def answers() -> AsyncIterator[Answers]:
    """A server that says what the test wants."""
    async with answering() as server:
        yield server


@pytest.fixture
async def scripted(answers: Answers) -> AsyncIterator[S3Transfers]:
    """Transfers of that server."""
    opened = open_transfers(answers.endpoint, "key", "very-secret", "main", silent_seconds=0.5)
    yield opened
    await opened.close()


async def test_a_stream_beyond_one_request_goes_in_parts(
    objects_server: ObjectServer, s3: S3ObjectStore, transfers: S3Transfers
) -> None:
    """S3 takes 5 GiB in one request: a larger stream of known length becomes parts, none of which waits anywhere."""
    server, bucket = objects_server, s3.place.rpartition(" ")[2]
    signer = open_signer(server.endpoint, server.access_key, server.secret_key, bucket=bucket, region="us-east-1")
    async with httpx.AsyncClient() as client:
        small = S3Transfers(S3Http(signer, client, "S3"), signer, largest_put=6 << 20, streamed_part=5 << 20)
        data = bytes_of((12 << 20) + 1)

        await small.receive("large/a", stream(data), length=len(data), content_type="video/mp4")
        with pytest.raises(ConnectionResetError):
            await small.receive(
                "large/b", stream(data[:-9], then=ConnectionResetError()), length=len(data), content_type="a/b"
            )

    assert hashlib.sha256(await s3.read("large/a", limit=len(data))).digest() == hashlib.sha256(data).digest()
    assert [entry.key async for entry in s3.list("large/")] == ["large/a"]
    assert [upload async for upload in transfers.unfinished("large/")] == []


async def test_a_slow_store_slows_the_client() -> None:
    """A store that reads nothing stops the stream after what fits into the sockets, and is an outage in time."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1 << 16
            yield bytes(1 << 16)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # a reader of its own buffers
        await asyncio.sleep(5)
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transfers = open_transfers(endpoint, "key", "secret", "main", silent_seconds=0.5)
        with pytest.raises(Unavailable):
            await transfers.receive("a", endless(), length=1 << 40, content_type="a/b")
        await transfers.close()
        server.close()

    assert taken < 32 << 20


@pytest.mark.parametrize(
    ("answer", "words", "error"),
    [
        (("503 Slow Down", "SlowDown"), "SlowDown", Unavailable),
        (("403 Forbidden", "SignatureDoesNotMatch"), "secret key is wrong", Unavailable),
        (("404 Not Found", "NoSuchBucket"), "provision", Unavailable),
        (("403 Forbidden", "AccessDenied"), "AccessDenied", ObjectStoreRefusedError),
        (("400 Bad Request", "EntityTooSmall"), "EntityTooSmall", ObjectStoreRefusedError),
    ],
)
async def test_what_the_store_says_becomes_the_ports_errors(
    answers: Answers, scripted: S3Transfers, answer: tuple[str, str], words: str, error: type[Exception]
) -> None:
    """As for every other use of the store; the text holds neither the secret nor a signed address."""
    answers.say_code(*answer)

    for call in (
        lambda: scripted.receive("a", stream(b"x"), length=1, content_type="a/b"),
        lambda: scripted.receive("a", stream(b"x"), length=None, content_type="a/b"),
        lambda: scripted.begin("a", "a/b"),
        lambda: scripted.parts("a", "1"),
        lambda: scripted.complete("a", "1", []),
        lambda: scripted.abort("a", "1"),
    ):
        with pytest.raises(error, match=words) as caught:
            await call()
        assert "very-secret" not in str(caught.value)
        assert "Signature=" not in str(caught.value)


async def test_an_error_that_comes_with_status_200_is_one(answers: Answers, scripted: S3Transfers) -> None:
    """S3 begins to answer a completion before it knows how it ends."""
    answers.say_code("200 OK", "InternalError")

    with pytest.raises(Unavailable, match="InternalError"):
        await scripted.complete("a", "1", [])


async def test_a_store_that_is_away_is_an_outage() -> None:
    """At once, whatever is asked."""
    transfers = open_transfers("http://127.0.0.1:9", "key", "secret", "main")

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        await transfers.receive("a", stream(b"x"), length=1, content_type="a/b")
    with pytest.raises(Unavailable):
        await transfers.begin("a", "a/b")
    await transfers.close()


async def test_a_part_that_waits_on_disk_is_sent_again(answers: Answers, tmp_path: Path) -> None:
    """A stream whose length nobody knew survives a store that fails twice; and leaves no file."""
    transfers = open_transfers(answers.endpoint, "key", "secret", "main", spool_folder=tmp_path)
    answers.say_code("500 Oops", "InternalError")
    sending = asyncio.ensure_future(transfers.receive("a", stream(b"xyz"), length=None, content_type="a/b"))
    await eventually(lambda: answers.requests, what="the first attempt")
    answers.say("200 OK", "")

    assert await sending == 3
    assert len(answers.requests) >= 2
    assert names_in(tmp_path) == []
    await transfers.close()


async def test_clients_get_the_address_that_they_can_reach(objects_server: ObjectServer) -> None:
    """Inside a cluster the store has another address than outside; the address outside is what is signed."""
    server = objects_server
    transfers = open_transfers(
        server.endpoint, server.access_key, server.secret_key, "main", public_endpoint="https://files.example.com"
    )

    assert transfers.part_url("a/b", "1", 2, lifetime=HOUR).startswith("https://files.example.com/main/a/b?")
    assert transfers.download_url("a/b", file_name="x", lifetime=HOUR).startswith("https://files.example.com/main/a/b?")
    await transfers.close()


async def test_an_address_is_dead_after_its_time(s3: S3ObjectStore, transfers: S3Transfers) -> None:
    """The store itself looks at the clock."""
    await s3.put("short/a", b"x", "text/plain")
    url = transfers.download_url("short/a", file_name="a", lifetime=timedelta(seconds=2))

    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 200

        async def is_dead() -> bool:
            return (await client.get(url)).status_code == 403

        await eventually(is_dead, what="the address is dead")


async def test_a_browser_saves_a_file_and_never_shows_it(s3: S3ObjectStore, transfers: S3Transfers) -> None:
    """Whatever its type says, under the name that its owner gave it."""
    await s3.put("page/a", b"<script>alert(1)</script>", "text/html")

    async with httpx.AsyncClient() as client:
        response = await client.get(transfers.download_url("page/a", file_name="Öl.html", lifetime=HOUR))

    assert response.headers["content-disposition"] == attachment("Öl.html")
    assert attachment('a"b\\c\r\nd.html') == (
        "attachment; filename=\"a_b_c__d.html\"; filename*=UTF-8''a%22b%5Cc%0D%0Ad.html"
    )


async def test_pages_of_the_named_origins_may_send_parts(s3: S3ObjectStore, transfers: S3Transfers) -> None:
    """The bucket's rules for CORS: no page of another origin, and the ETag may be read."""
    del s3
    await transfers.allow_origins(["https://app.example.com"])
    await transfers.allow_origins(["https://app.example.com", "http://127.0.0.1:3000"])
    url = transfers.part_url("a", "1", 1, lifetime=HOUR)
    asking = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}

    async with httpx.AsyncClient() as client:
        ours = await client.options(url, headers={"Origin": "https://app.example.com", **asking})
        theirs = await client.options(url, headers={"Origin": "https://evil.example.com", **asking})

    assert ours.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "PUT" in ours.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in theirs.headers

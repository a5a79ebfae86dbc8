"""Errors of the S3 server, and the errors of the port that they become."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.objects import ObjectStoreRefusedError, ObjectTooLargeError
from nightshift.objects.s3 import S3ObjectStore, open_objects
from nightshift.outcomes import Unavailable
from tests.integration.objects.answers import Answers, answering
from tests.integration.objects.rules import names_in

SECRET = "very-secret-key"


@pytest.fixture
async def answers() -> AsyncIterator[Answers]:
    """A server that says what the test wants."""
    async with answering() as server:
        yield server


@pytest.fixture
async def store(answers: Answers) -> AsyncIterator[S3ObjectStore]:
    """A store on that server."""
    opened = open_objects(answers.endpoint, "key", SECRET, "main", read_seconds=1)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("503 Slow Down", "SlowDown", "SlowDown"),
        ("500 Oops", "InternalError", "InternalError"),
        ("400 Bad Request", "RequestTimeout", "RequestTimeout"),
        ("429 Too Many", "TooManyRequests", "TooManyRequests"),
        ("507 Full", "InsufficientStorage", "InsufficientStorage"),
        ("403 Forbidden", "InvalidAccessKeyId", "access key or the secret key is wrong"),
        ("403 Forbidden", "SignatureDoesNotMatch", "access key or the secret key is wrong"),
        ("403 Forbidden", "RequestTimeTooSkewed", "clock"),
        ("404 Not Found", "NoSuchBucket", "provision"),
    ],
)
async def test_what_the_store_is_to_blame_for_makes_it_unavailable(
    store: S3ObjectStore, answers: Answers, status: str, code: str, words: str
) -> None:
    """The job must not pay for these with an attempt; the text says what happened, where, and no secret."""
    answers.say_code(status, code)

    with pytest.raises(Unavailable, match=words) as caught:
        await store.read("a", limit=10)

    assert caught.value.component == "objects"
    assert answers.endpoint in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_what_the_job_asked_for_in_vain_is_its_own_error(store: S3ObjectStore, answers: Answers) -> None:
    """A refusal of this one request counts as a failed attempt and names the object and the reason."""
    answers.say_code("403 Forbidden", "AccessDenied")

    with pytest.raises(ObjectStoreRefusedError, match=r"'a/b'.*AccessDenied"):
        await store.put("a/b", b"x", "text/plain")
    with pytest.raises(Unavailable, match="AccessDenied"):
        await store.probe()


async def test_a_refused_head_is_asked_again_for_its_reason(store: S3ObjectStore, answers: Answers) -> None:
    """The answer to a HEAD has no body: wrong keys must not look like a forbidden or missing object."""
    answers.say_code("403 Forbidden", "SignatureDoesNotMatch")

    with pytest.raises(Unavailable, match="secret key is wrong"):
        await store.stat("a")

    assert [line.split()[0] for line in answers.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        ("502 Bad Gateway", "502", Unavailable),
        ("404 Not Found", "404.*is this an S3 server", ObjectStoreRefusedError),
        ("413 Too Large", "413", ObjectStoreRefusedError),
        ("200 OK", "not S3", Unavailable),
    ],
)
async def test_an_answer_that_is_not_of_s3_is_understood(
    store: S3ObjectStore, answers: Answers, status: str, words: str, error: type[Exception]
) -> None:
    """A proxy, or a web page behind a wrong endpoint, gives a readable error and no parser's words."""
    answers.say(status, "<html><body>Hello</body>", kind="text/html")

    with pytest.raises(error, match=words):
        async for _ in store.list("a"):
            pass


@pytest.mark.parametrize(
    "head",
    [
        "content-length: many\r\n",
        "content-length: 2\r\nlast-modified: yesterday\r\n",
        "content-length: 2\r\nlast-modified: Fri, 99 Nov 2026 99:99:99 GMT\r\n",
    ],
)
async def test_headers_that_no_store_sends_are_an_outage(
    store: S3ObjectStore, answers: Answers, tmp_path: Path, head: str
) -> None:
    """A length or a time that cannot be read: whoever answers is to blame, not the job."""
    answers.raw = f"HTTP/1.1 200 OK\r\n{head}\r\nok".encode()

    with pytest.raises(Unavailable):
        await (store.read("a", limit=10) if "many" in head else store.download("a", tmp_path / "file"))


async def test_an_object_that_breaks_off_is_not_taken_for_the_whole(
    store: S3ObjectStore, answers: Answers, tmp_path: Path
) -> None:
    """A connection lost in the middle of the body is an outage, never a shorter object or a half file."""
    answers.raw = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"

    with pytest.raises(Unavailable, match="bytes"):
        await store.read("a", limit=1000)
    with pytest.raises(Unavailable, match="bytes"):
        await store.download("a", tmp_path / "file")

    assert names_in(tmp_path) == []


async def test_an_object_without_a_length_is_bounded_too(store: S3ObjectStore, answers: Answers) -> None:
    """A server that does not say how long the object is cannot make the reader hold more than the limit."""
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answers.raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 4096 + b"0\r\n\r\n"

    with pytest.raises(ObjectTooLargeError):
        await store.read("a", limit=100_000)

    assert len(await store.read("a", limit=4 << 20)) == 4 << 20


async def test_a_server_that_asks_for_an_hour_is_not_waited_for(store: S3ObjectStore, answers: Answers) -> None:
    """A thread tries a few times quickly, whatever Retry-After says; waiting is the job's, not the thread's."""
    answers.say_code("503 Slow Down", "SlowDown", "retry-after: 3600")

    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="SlowDown"):
            await store.read("a", limit=10)

    assert len(answers.requests) == 3


async def test_a_bucket_that_another_process_makes_first_is_found(store: S3ObjectStore, answers: Answers) -> None:
    """Two that provision at once: the slower one's refusal says that the bucket is ours, so all is well."""
    answers.say_code("404 Not Found", "NoSuchBucket")
    answers.say_code("409 Conflict", "BucketAlreadyOwnedByYou", method="PUT")

    assert await store.ensure_bucket() is False


async def test_a_bucket_of_somebody_else_is_refused(store: S3ObjectStore, answers: Answers) -> None:
    """Names are shared by all users of a store: a person has to choose another."""
    answers.say_code("404 Not Found", "NoSuchBucket")
    answers.say_code("409 Conflict", "BucketAlreadyExists", method="PUT")

    with pytest.raises(ObjectStoreRefusedError, match="BucketAlreadyExists"):
        await store.ensure_bucket()

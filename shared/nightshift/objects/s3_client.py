"""The minio client, with time limits that make an outage show in seconds, and the threads that its calls run in."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Self, TypeVar
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from urllib3.exceptions import ReadTimeoutError

from nightshift.objects.s3_keys import Keys, SecretKey

R = TypeVar("R")

_TRIES_AGAIN = 2
_BACKOFF_SECONDS = 0.1


class _Retries(urllib3.Retry):
    """Retries a request when its connection broke, but not when the answer took too long: once is long enough."""

    def increment(self, method: str | None = None, url: str | None = None, *args: object, **kwargs: object) -> Self:
        error = kwargs.get("error")
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, *args, **kwargs)  # type: ignore[arg-type]  # the library's own arguments


def s3_client(
    endpoint: str,
    access_key: str,
    secret_key: SecretKey,
    *,
    region: str,
    ca_file: Path | None,
    threads: int,
    connect_seconds: float,
    read_seconds: float,
) -> tuple[Minio, urllib3.PoolManager]:
    """Create the client and its pool of connections, one for each thread; connect to nothing.

    Raises:
        ValueError: the endpoint or the region cannot be one.
    """
    address = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    if address.scheme not in {"http", "https"} or not address.netloc or address.path.strip("/") or address.query:
        raise ValueError(f"{endpoint!r} is no S3 endpoint: write http://host:port or https://host, without a path")
    pool = urllib3.PoolManager(
        maxsize=threads,
        block=True,
        timeout=urllib3.Timeout(connect=connect_seconds, read=read_seconds),
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(ca_file) if ca_file else certifi.where(),
        retries=_Retries(
            total=_TRIES_AGAIN,
            backoff_factor=_BACKOFF_SECONDS,
            status_forcelist=(500, 502, 503, 504),
            raise_on_status=False,
            # A server may ask for an hour: a thread must not sleep so long, the job waits instead.
            respect_retry_after_header=False,
        ),
    )
    secure = address.scheme == "https"
    keys = Keys(access_key, secret_key)
    return Minio(address.netloc, secure=secure, region=region, http_client=pool, credentials=keys), pool


class AbandonedError(Exception):
    """Nobody waits for the result any more."""


class Threads:
    """Runs blocking calls in a bounded pool of threads; more work waits its turn."""

    def __init__(self, name: str, size: int) -> None:
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[[Event], R]) -> R:
        """Run `work` in a thread; a cancelled caller sets the event that long work looks at between its pieces."""
        abandoned = Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, abandoned)
        except asyncio.CancelledError:
            abandoned.set()
            raise

    async def close(self) -> None:
        """Drop what has not begun and wait for the rest."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

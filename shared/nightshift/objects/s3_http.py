"""Requests to an S3 server over httpx: bodies are streamed, at the pace of whoever sends them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree as ET

import certifi
import httpx

from nightshift.config.tls import explain_tls_error
from nightshift.objects.object_transfers import UploadMissingError
from nightshift.objects.s3_errors import meaning
from nightshift.objects.s3_signer import Signer
from nightshift.outcomes import Unavailable

R = TypeVar("R")

_TRIES = 3
_BACKOFF_SECONDS = 0.1
_LIFETIME = timedelta(hours=1)
"""How long the signature of our own request holds: S3 looks at it when the request begins."""
_MOST_TEXT = 300
_NO_UPLOAD = "NoSuchUpload"


class S3Http:
    """Sends requests about one bucket and turns what goes wrong into the errors of the port."""

    def __init__(self, signer: Signer, client: httpx.AsyncClient, place: str) -> None:
        self._signer, self._client, self.place = signer, client, place

    async def put(
        self, key: str, query: Mapping[str, str], body: AsyncIterator[bytes], *, headers: Mapping[str, str]
    ) -> str:
        """Send a body of the length that `headers` say, once; return the ETag of what was stored."""
        url = self._signer.of_object("PUT", key, query, _LIFETIME)
        response = await self._once("PUT", url, key, content=body, headers=headers)
        return str(response.headers.get("etag", ""))

    async def size(self, key: str) -> int | None:
        """Return the size of an object in bytes, None where there is none."""

        async def once() -> int | None:
            response = await self._send("HEAD", self._signer.of_object("HEAD", key, {}, _LIFETIME), b"", {})
            if response.status_code == HTTPStatus.NOT_FOUND:
                return None
            return int(self._checked(response, key).headers.get("content-length", "0"))

        return await again(once)

    async def ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> ET.Element:
        """Ask about an object, or the bucket where `key` is empty, up to three times; return the answer's document."""

        async def once() -> ET.Element:
            if key:
                url = self._signer.of_object(method, key, query, _LIFETIME)
            else:
                url = self._signer.of_bucket(method, query, _LIFETIME)
            return self._document(await self._once(method, url, key, content=body, headers=headers or {}), key)

        return await again(once)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _once(
        self, method: str, url: str, key: str, *, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]
    ) -> httpx.Response:
        return self._checked(await self._send(method, url, content, headers), key)

    async def _send(
        self, method: str, url: str, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            return await self._client.request(method, url, content=content, headers=dict(headers))
        except (httpx.HTTPError, httpx.StreamError) as error:
            refused = explain_tls_error(error, ca="S3_CA_FILE", address="S3_ENDPOINT")
            raise Unavailable("objects", f"{self.place}: {refused or _line(error)}") from error

    def _checked(self, response: httpx.Response, key: str) -> httpx.Response:
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._error(_parsed(response), response.status_code, key)
        return response

    def _document(self, response: httpx.Response, key: str) -> ET.Element:
        """Return the answer's document; S3 may report an error of a long request after it has begun to answer 200."""
        document = _parsed(response)
        if document.tag == "Error":
            raise self._error(document, response.status_code, key)
        return document

    def _error(self, document: ET.Element, status: int, key: str) -> Exception:
        code, message = document.findtext("Code", ""), document.findtext("Message", "")
        if code == _NO_UPLOAD:
            return UploadMissingError(key)
        return meaning(code, status, message[:_MOST_TEXT], place=self.place, key=key)


async def again(work: Callable[[], Awaitable[R]], *, may_repeat: Callable[[], bool] = lambda: True) -> R:
    """Do what may be repeated up to three times, until the store does not fail on its own side."""
    for number in range(1, _TRIES):
        try:
            return await work()
        except Unavailable:
            if not may_repeat():
                raise
            await asyncio.sleep(_BACKOFF_SECONDS * number)
    return await work()


def open_client(ca_file: Path | None, *, connect_seconds: float, silent_seconds: float) -> httpx.AsyncClient:
    """Return the client; connect to nothing yet. `silent_seconds` is the longest silence of the server."""
    return httpx.AsyncClient(
        verify=ssl.create_default_context(cafile=ca_file or certifi.where()),
        timeout=httpx.Timeout(silent_seconds, connect=connect_seconds),
        # As many as there are transfers: whoever calls bounds these.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        trust_env=False,
        follow_redirects=False,
    )


def _parsed(response: httpx.Response) -> ET.Element:
    """Return the answer's document without namespaces; an empty one where it is none."""
    try:
        document = ET.fromstring(response.content)  # noqa: S314 - the answer of our own store
    except ET.ParseError:
        return ET.Element("")
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    return document


def _line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__

"""`S3Transfers`: streams between clients and a bucket of any S3 server, in bounded memory."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from string import ascii_letters, digits
from urllib.parse import quote
from xml.sax.saxutils import escape

from nightshift.objects.keys import check_key
from nightshift.objects.object_store import ObjectStoreRefusedError
from nightshift.objects.object_transfers import (
    MAX_PARTS,
    Part,
    WrongLengthError,
)
from nightshift.objects.pieces import PieceReader
from nightshift.objects.s3_http import S3Http, again, open_client
from nightshift.objects.s3_keys import SecretKey
from nightshift.objects.s3_multipart import S3Multipart
from nightshift.objects.s3_signer import Signer, open_signer
from nightshift.objects.spool import Spool
from nightshift.outcomes import Unavailable

SPOOLED_PART_BYTES = 8 << 20
"""The part of a stream of unknown length that waits on disk; all have one size, as R2 wants it."""
_LARGEST_PUT = 5 << 30
"""The limit of S3 for one request."""
_STREAMED_PART_BYTES = 512 << 20
"""The least size of the parts of a stream that is larger, and whose length is known."""
_PLAIN = frozenset(ascii_letters + digits + " !#$&()+,-.;=@[]^_`{}~")
"""What every browser takes literally between quotation marks."""


class S3Transfers(S3Multipart):
    """Transfers of one bucket; an `ObjectTransfers`. Opened by `open_transfers`."""

    def __init__(
        self,
        http: S3Http,
        public: Signer,
        *,
        spool_folder: Path | None = None,
        largest_put: int = _LARGEST_PUT,
        streamed_part: int = _STREAMED_PART_BYTES,
    ) -> None:
        """Sign for clients with `public`; parts wait in `spool_folder`, the system's temporary folder if None."""
        super().__init__(http)
        self._public, self._spool_folder = public, spool_folder
        self._largest_put, self._streamed_part = largest_put, streamed_part

    async def receive(self, key: str, pieces: AsyncIterator[bytes], *, length: int | None, content_type: str) -> int:
        """See `ObjectTransfers`."""
        check_key(key)
        reader = PieceReader(pieces)
        if length == 0 and await reader.more():  # there is no last piece to hold back
            raise WrongLengthError(key, 0, None)
        if length is None:
            await self._receive_spooled(key, reader, content_type)
        elif length <= self._largest_put:
            headers = _headers(length, content_type)
            # A connection that cannot be had in time has cost nothing of the stream yet.
            await again(
                lambda: self._http.put(key, {}, _exactly(reader, key, length, of=length), headers=headers),
                may_repeat=lambda: reader.taken == 0,
            )
        else:
            await self._receive_parts(key, reader, length, content_type)
        return reader.taken

    async def _receive_parts(self, key: str, reader: PieceReader, length: int, content_type: str) -> None:
        """Store a stream of known length, part after part, none of which waits anywhere."""
        size = max(self._streamed_part, -(-length // MAX_PARTS))
        async with self._multipart(key, content_type) as upload:
            while (wanted := min(size, length - reader.taken)) > 0:
                await upload.put(_exactly(reader, key, wanted, of=length), wanted)

    async def _receive_spooled(self, key: str, reader: PieceReader, content_type: str) -> None:
        """Store a stream of unknown length: a part waits on disk, so that its size is known and it can be repeated."""
        with Spool(self._spool_folder) as spool:
            size = await spool.fill(reader.take(SPOOLED_PART_BYTES))
            if size < SPOOLED_PART_BYTES or not await reader.more():
                headers = _headers(size, content_type)
                await again(lambda: self._http.put(key, {}, spool.pieces(), headers=headers))
                return
            async with self._multipart(key, content_type) as upload:
                while size:
                    await again(lambda: upload.put(spool.pieces(), spool.size))
                    size = await spool.fill(reader.take(SPOOLED_PART_BYTES))

    @asynccontextmanager
    async def _multipart(self, key: str, content_type: str) -> AsyncIterator["_Upload"]:
        """Open a multipart upload that is completed at the end of the block, and aborted when it raises."""
        upload = _Upload(self._http, key, await self.begin(key, content_type))
        try:
            yield upload
            await self.complete(key, upload.upload_id, upload.parts)
        except BaseException:
            # What cannot be aborted now is found by whoever asks for unfinished uploads.
            with suppress(Unavailable, ObjectStoreRefusedError):
                await self.abort(key, upload.upload_id)
            raise

    def part_url(self, key: str, upload_id: str, number: int, *, lifetime: timedelta) -> str:
        """See `ObjectTransfers`."""
        return self._public.of_object("PUT", key, _part(upload_id, number), lifetime)

    def download_url(self, key: str, *, file_name: str | None, lifetime: timedelta) -> str:
        """See `ObjectTransfers`."""
        query = {"response-content-disposition": attachment(file_name)} if file_name else {}
        return self._public.of_object("GET", key, query, lifetime)

    async def allow_origins(self, origins: Sequence[str]) -> None:
        """Let pages of these origins PUT parts and GET objects: the bucket's rules for CORS, replaced as a whole."""
        allowed = "".join(f"<AllowedOrigin>{escape(origin)}</AllowedOrigin>" for origin in origins)
        methods = "".join(f"<AllowedMethod>{method}</AllowedMethod>" for method in ("GET", "HEAD", "PUT"))
        headers = "<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
        rule = f"<CORSRule>{allowed}{methods}{headers}<MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>"
        body = f"<CORSConfiguration>{rule}</CORSConfiguration>".encode()
        digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()
        await self._http.ask(
            "PUT", "", {"cors": ""}, body=body, headers={"content-md5": digest, "content-type": "application/xml"}
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


class _Upload:
    """A multipart upload that is filled part by part."""

    def __init__(self, http: S3Http, key: str, upload_id: str) -> None:
        self._http, self._key, self.upload_id = http, key, upload_id
        self.parts: list[Part] = []

    async def put(self, body: AsyncIterator[bytes], size: int) -> None:
        """Store the next part."""
        number = len(self.parts) + 1
        etag = await self._http.put(self._key, _part(self.upload_id, number), body, headers=_headers(size, ""))
        self.parts.append(Part(number, size, etag))


def open_transfers(
    endpoint: str,
    access_key: str,
    secret_key: SecretKey,
    bucket: str,
    *,
    region: str = "us-east-1",
    ca_file: Path | None = None,
    public_endpoint: str | None = None,
    spool_folder: Path | None = None,
    connect_seconds: float = 3.0,
    silent_seconds: float = 30.0,
) -> S3Transfers:
    """Open the transfers of a bucket; connect to nothing yet.

    `public_endpoint` is the server's address as clients see it, where that is another. `silent_seconds` is the longest
    silence of the server, not the time for a whole object.

    Raises:
        ValueError: an endpoint or the region cannot be one.
    """
    signer = open_signer(endpoint, access_key, secret_key, bucket=bucket, region=region)
    public = open_signer(public_endpoint or endpoint, access_key, secret_key, bucket=bucket, region=region)
    client = open_client(ca_file, connect_seconds=connect_seconds, silent_seconds=silent_seconds)
    place = f"S3 at {endpoint.rstrip('/')}, bucket {bucket}"
    return S3Transfers(S3Http(signer, client, place), public, spool_folder=spool_folder)


def attachment(file_name: str) -> str:
    """Return the value of `Content-Disposition` that lets a browser save, not show (RFC 6266)."""
    plain = "".join(letter if letter in _PLAIN else "_" for letter in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


async def _exactly(reader: PieceReader, key: str, size: int, *, of: int) -> AsyncIterator[bytes]:
    """Yield `size` bytes of a stream of `of` bytes.

    The last piece is held back until the stream is known to be as long as announced, or has come to its end without
    an error: before that the store has no whole object.

    Raises:
        WrongLengthError: it is not.
    """
    end = reader.taken + size
    held = b""
    async for piece in reader.take(size):
        if held:
            yield held
        held = piece
    if reader.taken < end:
        raise WrongLengthError(key, of, reader.taken)
    if end == of and await reader.more():
        raise WrongLengthError(key, of, None)
    if held:
        yield held


def _part(upload_id: str, number: int) -> dict[str, str]:
    return {"partNumber": str(number), "uploadId": upload_id}


def _headers(length: int, content_type: str) -> dict[str, str]:
    return {"content-length": str(length)} | ({"content-type": content_type} if content_type else {})

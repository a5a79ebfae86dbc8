"""Multipart uploads of an S3 server: begun, listed, completed, aborted, found when nobody finished them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from xml.sax.saxutils import escape

from nightshift.objects.keys import check_key
from nightshift.objects.object_transfers import Part, UnfinishedUpload, UploadMissingError
from nightshift.objects.s3_http import S3Http
from nightshift.outcomes import Unavailable


class S3Multipart:
    """What an `ObjectTransfers` says about multipart uploads, on one bucket."""

    def __init__(self, http: S3Http) -> None:
        self._http = http

    async def begin(self, key: str, content_type: str) -> str:
        """See `ObjectTransfers`."""
        check_key(key)
        answer = await self._http.ask("POST", key, {"uploads": ""}, headers={"content-type": content_type})
        upload_id = answer.findtext("UploadId", "")
        if not upload_id:
            raise Unavailable("objects", f"{self._http.place}: the answer is not S3's: an upload without an id")
        return upload_id

    async def parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """See `ObjectTransfers`."""
        found: dict[int, tuple[str, Part]] = {}
        query = {"uploadId": upload_id}
        while True:
            answer = await self._http.ask("GET", key, query)
            for one in answer.iter("Part"):
                sent = one.findtext("LastModified", "")
                part = Part(
                    int(one.findtext("PartNumber", "0")), int(one.findtext("Size", "0")), one.findtext("ETag", "")
                )
                # SeaweedFS lists a part that was sent again as often as it was sent; the last one counts.
                found[part.number] = max(found.get(part.number, ("", part)), (sent, part), key=itemgetter(0))
            after = answer.findtext("NextPartNumberMarker", "")
            if answer.findtext("IsTruncated") != "true" or not after:
                return [part for _, (_, part) in sorted(found.items())]
            query = {"uploadId": upload_id, "part-number-marker": after}

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See `ObjectTransfers`."""
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>" for part in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        try:
            await self._http.ask("POST", key, {"uploadId": upload_id}, body=body, headers={"content-type": "text/xml"})
        except UploadMissingError:
            # An answer that was lost: the upload is gone because it is the object now.
            if await self._http.size(key) != sum(part.size for part in parts):
                raise

    async def abort(self, key: str, upload_id: str) -> None:
        """See `ObjectTransfers`."""
        with suppress(UploadMissingError):
            await self._http.ask("DELETE", key, {"uploadId": upload_id})

    async def unfinished(self, prefix: str) -> AsyncIterator[UnfinishedUpload]:
        """See `ObjectTransfers`."""
        query = {"uploads": "", "prefix": prefix}
        while True:
            answer = await self._http.ask("GET", "", query)
            for one in answer.iter("Upload"):
                begun = datetime.fromisoformat(one.findtext("Initiated", "1970-01-01T00:00:00Z"))
                yield UnfinishedUpload(one.findtext("Key", ""), one.findtext("UploadId", ""), begun.astimezone(UTC))
            key, upload_id = answer.findtext("NextKeyMarker", ""), answer.findtext("NextUploadIdMarker", "")
            if answer.findtext("IsTruncated") != "true" or not key:
                return
            query = {"uploads": "", "prefix": prefix, "key-marker": key, "upload-id-marker": upload_id}

"""A direct upload as the gateway shows it: what is missing, and the addresses at the object store."""

from collections.abc import Sequence
from datetime import timedelta

from nightshift.objects import ObjectTransfers, Part
from services.gateway.files.direct_bodies import PartBody, UploadBody, UploadState
from services.gateway.files.direct_repository import UploadRow
from services.gateway.files.repository import FileRow
from services.gateway.files.representation import FileView

PART_LINK_LIFETIME = timedelta(hours=1)
LISTED_PARTS = 20
"""Parts of which an answer holds the addresses; for others a client asks."""


class UploadView:
    """Shows direct uploads, with addresses that are good for an hour."""

    def __init__(self, transfers: ObjectTransfers, files: FileView) -> None:
        self._transfers, self._files = transfers, files

    def state(self, upload: UploadRow, file: FileRow, stored: Sequence[Part]) -> UploadState:
        """Return what a client sees of an upload of which the store has these parts."""
        there = {part.number for part in stored if part.size == upload.size_of(part.number)}
        missing = [number for number in range(1, upload.part_count + 1) if number not in there]
        listed = missing[:LISTED_PARTS] if file.status == "pending" else []
        body = UploadBody(
            id=upload.id,
            part_size=upload.part_size,
            part_count=upload.part_count,
            expires_at=upload.expires_at,
            parts=[self.part(upload, number) for number in listed],
        )
        return UploadState(upload=body, file=self._files.body(file))

    def part(self, upload: UploadRow, number: int) -> PartBody:
        """Return where a part goes."""
        url = self._transfers.part_url(upload.object_key, upload.store_upload_id, number, lifetime=PART_LINK_LIFETIME)
        return PartBody(number=number, size=upload.size_of(number), url=url)

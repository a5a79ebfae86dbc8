"""The bodies of requests and answers about direct uploads."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from services.gateway.files.representation import FileBody


class AnnounceUpload(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a client wants to upload: `size` in bytes; `userId` where the key is not bound to a user."""

    filename: Annotated[str, Meta(min_length=1, max_length=1024)]
    size: Annotated[int, Meta(ge=1)]
    content_type: Annotated[str, Meta(max_length=255)] = ""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    user_id: str | None = None


class PartBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part: its number from 1, its size in bytes, and where to PUT it."""

    number: int
    size: int
    url: str | None = None


class UploadBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A direct upload: `parts` are the first twenty that are missing, with addresses that are good for an hour."""

    id: str
    part_size: int
    part_count: int
    expires_at: datetime
    parts: list[PartBody]


class UploadState(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request about a direct upload."""

    upload: UploadBody
    file: FileBody


class StoredParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that the object store has."""

    parts: list[PartBody]

"""Read the attachments of a mail from the object store, up to a bound for all of them together."""

import re
from collections.abc import Sequence

from contracts.email import Attachment
from nightshift import Permanent
from nightshift.objects import ObjectInfo, ObjectMissingError, ObjectStore, ObjectTooLargeError
from services.email.mailer import File

_TYPE = re.compile(r"([a-z0-9][a-z0-9!#&^_.+-]*/[a-z0-9][a-z0-9!#&^_.+-]*)\s*(?:;|\Z)", re.IGNORECASE)
_UNKNOWN_TYPE = "application/octet-stream"


class AttachmentMissingError(Exception):
    """An attachment is not in the object store.

    It may still be being uploaded, so this is a failed attempt, and a dead letter only after the last one.
    """


async def fetch(objects: ObjectStore, attachments: Sequence[Attachment], *, limit_bytes: int) -> list[File]:
    """Read all attachments into memory; none if they are too large together.

    Raises:
        AttachmentMissingError: one of them is not there (yet).
        Permanent: together they are larger than `limit_bytes`.
        Unavailable: the object store cannot be reached.
    """
    found = [await _stat(objects, attachment) for attachment in attachments]
    if (total := sum(info.size for info in found)) > limit_bytes:
        raise Permanent(
            f"the attachments have {total} bytes together, at most {limit_bytes} can be sent "
            "(MAIL_ATTACHMENT_BYTES): send links instead"
        )
    return [
        File(attachment.file_name, media_type(info.content_type), await _read(objects, info))
        for attachment, info in zip(attachments, found, strict=True)
    ]


def media_type(content_type: str) -> str:
    """Return the `type/subtype` of an attachment; invalid and composite types become `application/octet-stream`."""
    match = _TYPE.match(content_type.strip())
    kind = match[1].lower() if match else _UNKNOWN_TYPE
    return _UNKNOWN_TYPE if kind.startswith(("multipart/", "message/")) else kind


async def _stat(objects: ObjectStore, attachment: Attachment) -> ObjectInfo:
    try:
        return await objects.stat(attachment.key)
    except ObjectMissingError:
        raise AttachmentMissingError(
            f"the attachment {attachment.file_name!r} is not in the object store: there is no object {attachment.key!r}"
        ) from None


async def _read(objects: ObjectStore, info: ObjectInfo) -> bytes:
    try:
        return await objects.read(info.key, limit=info.size)
    except (ObjectMissingError, ObjectTooLargeError):
        raise AttachmentMissingError(f"the attachment {info.key!r} was replaced or removed while it was read") from None

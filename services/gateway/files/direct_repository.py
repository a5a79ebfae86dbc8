"""The rows of direct uploads."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select

from nightshift.database import Database
from schema.tables import uploads

_COLUMNS = (
    uploads.c.id,
    uploads.c.file_id,
    uploads.c.object_key,
    uploads.c.store_upload_id,
    uploads.c.size,
    uploads.c.part_size,
    uploads.c.checksum,
    uploads.c.expires_at,
)
_FIND = select(*_COLUMNS).where(uploads.c.id == bindparam("this_id"))
_FIND_OF = select(*_COLUMNS).where(uploads.c.file_id == bindparam("this_file"))
_FORGET = delete(uploads).where(uploads.c.id == bindparam("this_id"))


@dataclass(slots=True, frozen=True)
class UploadRow:
    """A direct upload: what the client has announced (`size` in bytes), and where its parts go."""

    id: str
    file_id: str | None
    object_key: str
    store_upload_id: str
    size: int
    part_size: int
    checksum: str | None
    expires_at: datetime

    @property
    def part_count(self) -> int:
        """How many parts the upload has."""
        return -(-self.size // self.part_size)

    def size_of(self, number: int) -> int:
        """Return the size that a part must have; all are alike but the last."""
        return self.part_size if number < self.part_count else self.size - self.part_size * (self.part_count - 1)


async def find_upload(database: Database, upload_id: str) -> UploadRow | None:
    """Return a direct upload, None where there is none of this id."""
    row = await database.ask(lambda connection: connection.execute(_FIND, {"this_id": upload_id}).mappings().first())
    return None if row is None else _upload_of(row)


def find_upload_of(connection: Connection, file_id: str) -> UploadRow | None:
    """Return the direct upload of a file, None where there is none (any more)."""
    row = connection.execute(_FIND_OF, {"this_file": file_id}).mappings().first()
    return None if row is None else _upload_of(row)


def insert_upload(connection: Connection, upload: UploadRow, now: datetime) -> None:
    """Write the row of a direct upload, whose file's row is in the same transaction."""
    values = {column.name: getattr(upload, column.name) for column in _COLUMNS}
    connection.execute(insert(uploads), values | {"created_at": now})


def forget_upload(connection: Connection, upload_id: str) -> None:
    """Delete the row of an upload whose parts are gone."""
    connection.execute(_FORGET, {"this_id": upload_id})


def _upload_of(row: RowMapping) -> UploadRow:
    return UploadRow(**row)

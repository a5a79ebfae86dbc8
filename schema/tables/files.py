"""The table of uploaded files: where the object is, what became of it."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Table, Text, UniqueConstraint, false

from nightshift.database.columns import belongs_to, created_at, document, identifier, instant, one_of
from schema.tables.base import metadata

FILE_STATUSES = ("pending", "uploaded", "processed", "failed")
"""`pending`: announced, its object is not complete; `uploaded`: the object is there; `failed`: see `error`."""
NEVER_COMPLETED = "the upload was never completed"
"""The `error` of a file that was taken from its owner because its object never came."""

files = Table(
    "files",
    metadata,
    identifier(),
    # NULL says that the owner no longer exists: the row stays, because it leads the cleanup to the object.
    belongs_to("user_id", "users.id", on_delete="SET NULL"),
    Column("object_key", Text, nullable=False),
    Column("original_name", Text, nullable=False),
    Column("size", BigInteger),
    Column("content_type", Text),
    Column("checksum", Text),
    Column("status", Text, nullable=False, default="pending", server_default="pending"),
    Column("processed", Boolean, nullable=False, default=False, server_default=false()),
    document("metadata", nullable=True),
    Column("thumbnail_key", Text),
    Column("error", Text),
    created_at(),
    instant("updated_at"),
    one_of("status", FILE_STATUSES),
    CheckConstraint("size >= 0", name="size"),
    # One row per object: the cleanup asks for each object whether a row knows it.
    UniqueConstraint("object_key"),
    Index(None, "thumbnail_key"),
    # Rows without owner are paged by id; a user's files are found by the same index.
    Index(None, "user_id", "id"),
    # Uploads that never completed, oldest first.
    Index(None, "status", "created_at", "id"),
    # Reports count uploads by date.
    Index(None, "created_at"),
)
"""`size` in bytes; `checksum` is the SHA-256 in hexadecimal; `metadata` is what processing found out."""

"""Tables of the gateway: its API keys, the idempotency keys of uploads, and direct uploads in progress."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from nightshift.database.columns import belongs_to, created_at, document, identifier, instant
from schema.tables.base import metadata

api_keys = Table(
    "api_keys",
    metadata,
    identifier(),
    Column("name", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("digest", Text, nullable=False),
    # NULL: the application's own. A user's keys go with the user.
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE")),
    document("scopes"),
    document("limits"),
    created_at(),
    instant("expires_at"),
    instant("revoked_at"),
    instant("last_used_at"),
    Index(None, "user_id"),
)
"""`id` is the part of a key that is no secret; `digest` is the SHA-256 of the whole key, in hexadecimal.

`scopes` is a list of texts; `limits` what the key may use up, where that is not the gateway's default.
"""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    belongs_to("file_id", "files.id", on_delete="CASCADE"),
    created_at(),
    instant("alive_at", nullable=False),
    PrimaryKeyConstraint("principal", "key"),
    Index(None, "file_id"),
    # They are forgotten after a day.
    Index(None, "created_at"),
)
"""`principal` is the user, or the application; `fingerprint` says what was uploaded under the key.

`alive_at` is when bytes came last: the key of an upload that has died is taken over.
"""

uploads = Table(
    "uploads",
    metadata,
    identifier(),
    # NULL: the file's row is gone; the parts in the object store still have to go.
    belongs_to("file_id", "files.id", on_delete="SET NULL"),
    Column("object_key", Text, nullable=False),
    Column("store_upload_id", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("part_size", BigInteger, nullable=False),
    Column("checksum", Text),
    created_at(),
    instant("expires_at", nullable=False),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("part_size > 0", name="part_size"),
    Index(None, "file_id"),
    # What has expired is aborted, oldest first.
    Index(None, "expires_at", "id"),
)
"""Direct uploads in progress: the client sends parts to the object store, under `store_upload_id`.

`size` and `checksum` (SHA-256 in hexadecimal) are what the client has announced.
"""

"""The table in which handlers leave their effects; it has no key, so that a double is to be seen."""

from sqlalchemy import Column, Integer, MetaData, Table, Text
from sqlalchemy.ext.asyncio import AsyncConnection

_metadata = MetaData()

effects = Table(
    "chaos_effects",
    _metadata,
    Column("type", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Integer, nullable=False),
    Column("at", Text, nullable=False),
)


async def create(connection: AsyncConnection) -> None:
    """Makes the table."""
    await connection.run_sync(_metadata.create_all)

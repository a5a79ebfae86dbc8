"""Alembic's entry: runs revisions on the connection it is given, inside the caller's transaction."""

from alembic import context

from shared.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
    # All or nothing on both databases; the transaction is the caller's, and holds the lock.
    transactional_ddl=True,
)
context.run_migrations()

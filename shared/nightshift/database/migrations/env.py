"""Alembic's entry: runs revisions on the connection it is given, inside the caller's transaction."""

from alembic import context

from schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    # The rule for names, for revisions that leave one out.
    target_metadata=metadata,
)
context.run_migrations()

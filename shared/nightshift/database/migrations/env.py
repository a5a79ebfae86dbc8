"""Alembic's entry: runs the revisions of one history on the connection it is given, inside the caller's transaction."""

from alembic import context
from sqlalchemy import MetaData

from nightshift.database.columns import NAMING_CONVENTION

context.configure(
    connection=context.config.attributes["connection"],
    # The rule for names, for revisions that leave one out.
    target_metadata=MetaData(naming_convention=NAMING_CONVENTION),
    **context.config.attributes["options"],
)
context.run_migrations()

"""One file per revision, oldest first; Alembic finds them by itself."""

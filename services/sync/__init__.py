"""The sync service: copy what users have at external services into the database."""

"""Read a report's figures from the database and the broker."""

"""The application's tables and their migrations: what a team changes."""

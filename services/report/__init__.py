"""The report service: figures of the application as a page and a table, stored and announced by mail."""

"""The report service: build reports about the application, store them, and announce them by mail."""

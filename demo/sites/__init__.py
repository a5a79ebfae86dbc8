"""Stand-ins for the external services that the demo syncs with."""

"""Pictures of the console's screens for the documentation, made from a seeded stack: `python -m tests.pictures`."""

"""The shop's migrations, in their order."""

"""Streams, consumers and permissions, and how they are provisioned."""

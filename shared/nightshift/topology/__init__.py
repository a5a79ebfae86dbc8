"""Streams, consumers and permissions at the broker, and how they are provisioned."""

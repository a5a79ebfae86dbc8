"""The commands `nightshift webhooks …`."""

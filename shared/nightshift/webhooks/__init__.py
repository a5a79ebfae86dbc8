"""Webhooks: how providers sign, and which sources there are."""

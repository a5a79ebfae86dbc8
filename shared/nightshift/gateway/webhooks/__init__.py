"""The route of webhooks: events of third parties, verified and accepted."""

"""The webhook service: works off events of third parties, which the gateway has verified."""

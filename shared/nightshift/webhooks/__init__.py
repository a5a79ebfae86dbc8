"""Webhooks of providers: how each signs, which sources there are, how a request is verified and a sample signed."""

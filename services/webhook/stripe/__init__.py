"""Handlers of Stripe's events, and its API."""

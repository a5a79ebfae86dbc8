"""Turns cron expressions into events: exactly one per due time, however many replicas run."""

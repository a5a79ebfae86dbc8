"""Cron expressions, time zones and due times."""

"""Periodic work beside a worker: outbox relay, overdue schedules, orphans."""

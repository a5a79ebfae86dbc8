"""Periodic work beside a worker: overdue schedules, orphaned jobs, the outbox relay."""

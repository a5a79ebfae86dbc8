"""What a producer must not be able to do, at the broker or by SQL: others' subjects, and headers that are orders."""

from nightshift.contract.catalogue import load_catalogue

SUBJECT = "jobs.email.send"
OTHERS = "of-somebody-else"
WAITING = f"later.email.send.{OTHERS}"
FORBIDDEN = [WAITING, "due.email.send", "dead.email.send", "cron.cleanup.daily", "$JS.API.INFO"]
"""Subjects that are no job's."""
INTERNAL = [f"jobs.{job_type}" for job_type in sorted(load_catalogue().internal)]
"""Subjects of jobs that are the product's own."""

ORDERS: list[dict[str, str]] = [
    {"Nats-Rollup": "all"},
    {"Nats-Rollup": "sub"},
    {"nats-rollup": "all"},
    {"Nats-TTL": "1s"},
    {"Nats-TTL": "never"},
    {"Nats-Marker-Reason": "MaxAge"},
    {"Nats-Schedule": "@at 2099-01-01T00:00:00Z", "Nats-Schedule-Target": SUBJECT},
    {"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": SUBJECT},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "$JS.API.STREAM.PURGE.EMAIL"},
    {"Nats-Schedule-TTL": "1s"},
    {"Nats-Schedule-Source": WAITING, "Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": SUBJECT},
    {"Nats-Scheduler": WAITING},
    {"Nats-Scheduler": WAITING, "Nats-Schedule-Next": "purge"},
    {"Nats-Schedule-Next": "purge"},
    {"Nats-Incr": "+1"},
    {"Nats-Counter-Sources": "{}"},
    {"Nats-Expected-Stream": "EMAIL_LATER"},
    {"Nats-Expected-Last-Sequence": "0"},
    {"Nats-Expected-Last-Subject-Sequence": "0"},
    {"Nats-Expected-Last-Subject-Sequence": "1", "Nats-Expected-Last-Subject-Sequence-Subject": WAITING},
    {"Nats-Expected-Last-Msg-Id": f"email.send/{OTHERS}"},
    {"Nats-Msg-Id": f"email.send/{OTHERS}"},
    {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1"},
    {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1"},
    {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "9", "Nats-Batch-Commit": "1"},
    {"Nats-Required-Api-Level": "99"},
    {"Nats-Stream-Source": "EMAIL 1"},
    {"Nats-Subject": WAITING, "Nats-Sequence": "1", "Nats-Stream": "EMAIL"},
    {"Nats-Trace-Dest": WAITING},
    {"Nats-Trace-Dest": SUBJECT, "Nats-Trace-Only": "true"},
    {"Nats-Trace-Dest": "$JS.API.STREAM.PURGE.EMAIL"},
    {"Nats-Pending-Messages": "1", "Status": "409"},
    {"Job-Attempt-Base": "99"},
    {"Dead-Reason": "permanent"},
]

"""The application's tables, on one metadata; a test keeps them and `schema/migrations` equal."""

from nightshift.webhooks.outcomes import EVENT_OUTCOMES
from schema.tables.base import metadata
from schema.tables.cleanup import cleanup_runs
from schema.tables.files import FILE_STATUSES, NEVER_COMPLETED, files
from schema.tables.gateway import api_keys, idempotency_keys, uploads
from schema.tables.mail import (
    DELIVERY_STATUSES,
    MAIL_TRANSPORTS,
    SUPPRESSION_REASONS,
    email_deliveries,
    email_suppressions,
)
from schema.tables.people import activity_logs, sessions, users
from schema.tables.reports import REPORT_STATUSES, reports
from schema.tables.sync import ACCOUNT_STATUSES, external_records, linked_accounts
from schema.tables.webhooks import provider_objects, webhook_events

__all__ = [
    "ACCOUNT_STATUSES",
    "DELIVERY_STATUSES",
    "EVENT_OUTCOMES",
    "FILE_STATUSES",
    "MAIL_TRANSPORTS",
    "NEVER_COMPLETED",
    "REPORT_STATUSES",
    "SUPPRESSION_REASONS",
    "activity_logs",
    "api_keys",
    "cleanup_runs",
    "email_deliveries",
    "email_suppressions",
    "external_records",
    "files",
    "idempotency_keys",
    "linked_accounts",
    "metadata",
    "provider_objects",
    "reports",
    "sessions",
    "uploads",
    "users",
    "webhook_events",
]

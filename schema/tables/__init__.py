"""The application's tables, on one metadata; a test keeps them and `schema/migrations` equal."""

from schema.tables.base import metadata
from schema.tables.cleanup import cleanup_runs
from schema.tables.gateway import api_keys, idempotency_keys, uploads
from schema.tables.mail import MAIL_TRANSPORTS, email_deliveries
from schema.tables.people import activity_logs, sessions, users
from schema.tables.reports import REPORT_STATUSES, reports
from schema.tables.sync import ACCOUNT_STATUSES, external_records, linked_accounts
from schema.tables.uploads import FILE_STATUSES, files

__all__ = [
    "ACCOUNT_STATUSES",
    "FILE_STATUSES",
    "MAIL_TRANSPORTS",
    "REPORT_STATUSES",
    "activity_logs",
    "api_keys",
    "cleanup_runs",
    "email_deliveries",
    "external_records",
    "files",
    "idempotency_keys",
    "linked_accounts",
    "metadata",
    "reports",
    "sessions",
    "uploads",
    "users",
]

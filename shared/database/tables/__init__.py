"""All tables, on one metadata; a migration test keeps them and `migrations/` equal."""

from shared.database.tables.base import metadata
from shared.database.tables.housekeeping import cleanup_runs
from shared.database.tables.mail import MAIL_TRANSPORTS, email_deliveries
from shared.database.tables.messages import outbox, processed_messages
from shared.database.tables.people import activity_logs, sessions, users
from shared.database.tables.reporting import REPORT_STATUSES, reports
from shared.database.tables.syncing import ACCOUNT_STATUSES, external_records, linked_accounts
from shared.database.tables.uploads import FILE_STATUSES, files

__all__ = [
    "ACCOUNT_STATUSES",
    "FILE_STATUSES",
    "MAIL_TRANSPORTS",
    "REPORT_STATUSES",
    "activity_logs",
    "cleanup_runs",
    "email_deliveries",
    "external_records",
    "files",
    "linked_accounts",
    "metadata",
    "outbox",
    "processed_messages",
    "reports",
    "sessions",
    "users",
]

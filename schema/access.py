"""Which tables and objects each service may touch: its role in PostgreSQL, its key at the object store.

Every folder of `services/` has a row in both tables, an empty one where it needs nothing. `provision` creates the
roles, `deploy.credentials` the passwords and keys, and `make permissions` writes both tables into docs/security.md.
"""

from collections.abc import Mapping

from nightshift.database.access import CONSOLE, WORKER, TableAccess
from nightshift.objects.access import PROBE, ObjectAccess

TABLES: Mapping[str, TableAccess] = {
    "email": {**WORKER, "email_deliveries": "SELECT, INSERT, UPDATE", "email_suppressions": "SELECT"},
    "console": CONSOLE,
    "gateway": {
        # A job that no worker has is cancelled by its inbox row.
        "nightshift.processed_messages": "SELECT, INSERT (consumer, type, id, processed_at, outcome)",
        "nightshift.outbox": "SELECT, INSERT, DELETE",
        # Keys are made and revoked by the operator.
        "api_keys": "SELECT, UPDATE (last_used_at)",
        "files": "SELECT, INSERT, UPDATE, DELETE",
        "idempotency_keys": "SELECT, INSERT, UPDATE, DELETE",
        "uploads": "SELECT, INSERT, UPDATE, DELETE",
        "users": "SELECT (id)",
    },
    "maintenance": {
        **WORKER,
        "nightshift.processed_messages": "SELECT, INSERT, UPDATE (result), DELETE",
        "activity_logs": "SELECT, DELETE",
        "cleanup_runs": "SELECT, INSERT, UPDATE, DELETE",
        # It takes an upload that was never completed from its owner; what the row leads to stays.
        "files": "SELECT, UPDATE (user_id, status, error, updated_at), DELETE",
        "idempotency_keys": "SELECT, DELETE",
        "sessions": "SELECT, DELETE",
        "uploads": "SELECT, DELETE",
        "webhook_events": "SELECT, DELETE",
    },
    "report": {
        **WORKER,
        "activity_logs": "SELECT",
        "email_deliveries": "SELECT",
        "files": "SELECT",
        "reports": "SELECT, INSERT, UPDATE",
        "users": "SELECT",
    },
    "scheduler": {},
    "sync": {
        **WORKER,
        "external_records": "SELECT, INSERT, UPDATE",
        # What a person decides about an account (whose it is, where it leads) is the application's.
        "linked_accounts": "SELECT, UPDATE (checkpoint, generation, status, credentials, error, failures, refusals, "
        "first_failed_at, retry_at, last_synced_at, updated_at)",
    },
    "upload": {
        **WORKER,
        # Neither whose file it is, nor which object.
        "files": "SELECT, UPDATE (size, content_type, checksum, status, processed, metadata, thumbnail_key, error, "
        "updated_at)",
    },
    "webhook": {
        **WORKER,
        # What a provider says of a mail, and of whom it gets back: no mail's text, no account's credentials.
        "email_deliveries": "SELECT, UPDATE (status, status_at, status_reason)",
        "email_suppressions": "SELECT, INSERT",
        "linked_accounts": "SELECT (user_id, service, external_account, status)",
        "provider_objects": "SELECT, INSERT, UPDATE",
        "webhook_events": "SELECT, INSERT, UPDATE",
    },
}
"""What each service does with the tables: the library's are named with their schema."""

OBJECTS: Mapping[str, ObjectAccess] = {
    "console": ObjectAccess(),
    # MAIL_ATTACHMENT_PREFIXES has to name no other folders than these.
    "email": ObjectAccess.of_worker(read=["reports/"]),
    "gateway": ObjectAccess(read=("thumbnails/", "uploads/"), write=("claims/", "uploads/"), list=(PROBE,)),
    "maintenance": ObjectAccess.of_worker(
        read=["thumbnails/", "uploads/"],
        write=["thumbnails/", "uploads/"],
        list=["claims/", "thumbnails/", "uploads/"],
    ),
    "report": ObjectAccess.of_worker(write=["reports/"]),
    "scheduler": ObjectAccess(),
    "sync": ObjectAccess.of_worker(),
    "upload": ObjectAccess.of_worker(read=["uploads/"], write=["thumbnails/"]),
    "webhook": ObjectAccess.of_worker(),
}
"""What each service does with the bucket, by folders; beside them all have the bodies of long jobs in `claims/`."""

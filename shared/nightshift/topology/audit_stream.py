"""The stream of what people did: the broker refuses to remove any of it before its time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

AUDIT_STREAM: Final = "AUDIT"
AUDIT_SUBJECTS: Final = ("audit.>",)
RECORDED: Final = "what people did, written before and after: no message of it can be removed"
AUDIT_AGE = timedelta(days=400)
"""More than a year, so that last year's can be looked up."""
MOST_OF_A_PART = 100_000
"""Entries that each part keeps: a program that acts without pause by one does not push out what came by another."""
MAX_ENTRY_BYTES = 32 * 1024


def audit_options(max_bytes: int) -> Mapping[str, Any]:
    """Return the fields of its JetStream configuration; the broker reserves its space when it is made.

    Once they are set, no update takes `deny_delete` and `deny_purge` back.
    """
    return {
        "retention": "limits",
        "discard": "old",
        "max_age": int(AUDIT_AGE.total_seconds() * 1_000_000_000),
        "max_bytes": max_bytes,
        "max_msgs_per_subject": MOST_OF_A_PART,
        "max_msg_size": MAX_ENTRY_BYTES,
        "deny_delete": True,
        "deny_purge": True,
        "allow_direct": True,
    }

"""The service's settings refuse what would lose a guarantee, and say why."""

from datetime import timedelta

import pytest

from contracts.maintenance import INBOX_LEAST_DAYS
from nightshift.config.settings import SettingsError, load
from nightshift.contract.wire import CLAIM_LIFETIME
from nightshift.topology.topology import DEAD_LETTER_AGE
from services.maintenance.settings import MaintenanceSettings

REQUIRED = {
    "DATABASE_URL": "sqlite:////tmp/n.db",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "k",
    "S3_SECRET_KEY": "s",
}


def test_there_is_a_default_for_everything_of_its_own() -> None:
    """The ages that the documentation names."""
    settings = load(MaintenanceSettings, REQUIRED)
    assert settings.cleanup_sessions_days == settings.cleanup_claims_days == 0
    assert (settings.cleanup_activity_days, settings.cleanup_files_days, settings.cleanup_inbox_days) == (30, 7, 60)
    assert settings.cleanup_seconds < settings.job_timeout_seconds


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("CLEANUP_INBOX_DAYS", "44", "expected 45 or more: a dead letter is kept for 30 days"),
        ("CLEANUP_INBOX_DAYS", "-1", "expected 45 or more"),
        ("CLEANUP_FILES_DAYS", "0", "CLEANUP_FILES_DAYS"),
        ("CLEANUP_ACTIVITY_DAYS", "0", "CLEANUP_ACTIVITY_DAYS"),
        ("CLEANUP_SESSIONS_DAYS", "-1", "CLEANUP_SESSIONS_DAYS"),
        ("CLEANUP_PAGE_ROWS", "100000", "CLEANUP_PAGE_ROWS"),
        ("CLEANUP_SECONDS", "900", "less than JOB_TIMEOUT_SECONDS"),
    ],
)
def test_a_dangerous_value_is_refused_with_the_reason(name: str, value: str, reason: str) -> None:
    """The service does not start with it."""
    with pytest.raises(SettingsError, match=reason):
        load(MaintenanceSettings, REQUIRED | {name: value})


def test_inbox_rows_outlive_dead_letters() -> None:
    """Else a redrive of an old dead letter could do a second time what was done; claim checks are kept as long."""
    least = timedelta(days=INBOX_LEAST_DAYS)
    assert least >= DEAD_LETTER_AGE + timedelta(days=15)
    assert least >= CLAIM_LIFETIME

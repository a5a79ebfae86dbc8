"""The settings of the report service, and what it asks the broker about."""

import pytest

from nightshift.config.settings import SettingsError, load
from nightshift.contract.catalogue import load_catalogue
from services.report.service import dead_letter_streams
from services.report.settings import ReportSettings

ENVIRONMENT = {
    "DATABASE_URL": "sqlite:///nightshift.db",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "a",
    "S3_SECRET_KEY": "b",
}


def test_it_starts_without_settings_of_its_own() -> None:
    """Nobody is told of the weekly report then, and files are attached."""
    settings = load(ReportSettings, ENVIRONMENT)
    assert (settings.admin_email, settings.report_url, settings.app_name) == (None, None, "Nightshift")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADMIN_EMAIL", "admin at example.com"),
        ("APP_NAME", "two\nlines"),
        ("REPORT_URL", "app.example.com/reports"),
        ("REPORT_ROWS", "100000000"),
        ("REPORT_ATTACHMENT_BYTES", "-1"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    """At start, before any job."""
    with pytest.raises(SettingsError, match=name):
        load(ReportSettings, ENVIRONMENT | {name: value})


def test_every_service_is_asked_about_and_the_schedules() -> None:
    """A new service's dead letters are counted without a line here."""
    assert {"EMAIL_DLQ", "UPLOAD_DLQ", "REPORT_DLQ", "CRON_DLQ"} <= set(dead_letter_streams(load_catalogue().messages))

"""The settings of the sync service."""

import pytest

from nightshift.config.settings import SettingsError, load
from services.sync.settings import SyncSettings

CHASSIS = {
    "DATABASE_URL": "sqlite:///x.db",
    "S3_ENDPOINT": "http://127.0.0.1:1",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "made-up-secret",
}


def test_private_addresses_are_closed_by_default() -> None:
    """Whoever wants them asked says so."""
    assert not load(SyncSettings, CHASSIS).sync_allow_private_addresses
    assert load(SyncSettings, CHASSIS | {"SYNC_ALLOW_PRIVATE_ADDRESSES": "true"}).sync_allow_private_addresses


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"GITHUB_URL": "api.github.com"}, "GITHUB_URL"),
        ({"GITHUB_URL": "https://ada:secret@api.github.com"}, "GITHUB_URL"),
        ({"SYNC_REQUEST_TIMEOUT_SECONDS": "300"}, "SYNC_REQUEST_TIMEOUT_SECONDS"),
        ({"SYNC_RUN_SECONDS": "850"}, "JOB_TIMEOUT_SECONDS"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], problem: str) -> None:
    """At the start."""
    with pytest.raises(SettingsError, match=problem):
        load(SyncSettings, CHASSIS | environ)

"""The service's settings come from the environment and are checked together."""

import pytest

from nightshift.config.settings import SettingsError, load
from services.upload.settings import UploadSettings

REQUIRED = {
    "DATABASE_URL": "sqlite:////tmp/n.db",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "k",
    "S3_SECRET_KEY": "s",
}


def test_there_is_a_default_for_everything_of_its_own() -> None:
    """Only the database and the object store have to be named."""
    settings = load(UploadSettings, REQUIRED)
    assert settings.limits.thumbnail_pixels == 320
    assert settings.processes >= 1
    assert settings.scratch.is_dir()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THUMBNAIL_PIXELS", "0"),
        ("MAX_FILE_BYTES", "many"),
        ("INSPECT_TIMEOUT_SECONDS", "900"),
        ("INSPECT_MEMORY_BYTES", "1"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    """The error has the variable's name, also where two settings contradict each other."""
    with pytest.raises(SettingsError, match=name):
        load(UploadSettings, REQUIRED | {name: value})

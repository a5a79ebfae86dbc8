"""A part of the package whose extra is not installed."""

import pytest

from nightshift.config.env_settings import SettingsError
from nightshift.config.extras import extra


def test_what_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    """As a mistake in the settings, which every process prints without a traceback."""
    with (
        pytest.raises(SettingsError, match=r"DATABASE_URL needs no_such_client.*'nightshift-jobs\[postgres\]'"),
        extra("postgres", "DATABASE_URL"),
    ):
        import no_such_client  # type: ignore[import-not-found]  # noqa: F401, PLC0415


def test_what_is_installed_is_imported() -> None:
    """Nothing is caught."""
    with extra("postgres", "DATABASE_URL"):
        import asyncpg  # noqa: PLC0415
    assert asyncpg.__version__

"""Servers that take mail."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.services.email.certificates import Certificates, make_certificates
from tests.integration.services.email.resend_api import ResendApi, resend_api
from tests.integration.services.email.smtp_script import SmtpScript, smtp_server


@pytest.fixture
async def script() -> AsyncIterator[SmtpScript]:
    """An SMTP server without TLS."""
    async with smtp_server() as running:
        yield running


@pytest.fixture
async def api() -> AsyncIterator[ResendApi]:
    """Resend's API."""
    async with resend_api() as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For the host name `localhost`."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def foreign_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For another host name, by another authority."""
    return make_certificates(tmp_path_factory.mktemp("foreign"), "other.example")

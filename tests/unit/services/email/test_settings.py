"""The settings of the email service."""

from pathlib import Path
from typing import Any

import pytest

from nightshift.config.settings import SettingsError, load
from services.email.settings import EmailSettings

CHASSIS = {
    "DATABASE_URL": "sqlite:///x.db",
    "S3_ENDPOINT": "http://127.0.0.1:1",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "made-up-secret",
}
MAIL = {"MAIL_FROM": "Acme <hello@acme.example>"}


def settings(**environ: str) -> EmailSettings:
    """Loads from what every service needs, a sender, and more."""
    return load(EmailSettings, CHASSIS | MAIL | environ)


@pytest.mark.parametrize(("tls", "port"), [("none", 25), ("starttls", 587), ("implicit", 465)])
def test_the_port_follows_from_tls(tls: Any, port: int) -> None:
    """The usual port of each kind, unless another is set."""
    assert settings(SMTP_HOST="mail.example", SMTP_TLS=tls).smtp.port == port
    assert settings(SMTP_HOST="mail.example", SMTP_TLS=tls, SMTP_PORT="2525").smtp.port == 2525


def test_tls_is_on_by_default() -> None:
    """Whoever wants mail to go in the clear says so."""
    assert settings(SMTP_HOST="mail.example").smtp.tls == "starttls"


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "SMTP_HOST is missing"),
        ({"MAIL_TRANSPORT": "resend"}, "RESEND_API_KEY is missing"),
        ({"SMTP_HOST": "m.example", "SMTP_USER": "u"}, "SMTP_PASSWORD is missing"),
        ({"SMTP_HOST": "m.example", "SMTP_PASSWORD": "made-up"}, "SMTP_USER is missing"),
        ({"SMTP_HOST": "m.example", "SMTP_USER": "u", "SMTP_PASSWORD": "p", "SMTP_TLS": "none"}, "readable for all"),
        ({"SMTP_HOST": "m.example", "SMTP_CA_FILE": "/does/not/exist"}, "SMTP_CA_FILE: cannot use /does/not/exist"),
        ({"SMTP_HOST": "m..example"}, "SMTP_HOST: is 'm..example', which cannot exist"),
        ({"SMTP_HOST": f"{'m' * 64}.example"}, "which cannot exist"),
        ({"SMTP_HOST": "m.example:25"}, "SMTP_HOST: is 'm.example:25'"),
        ({"SMTP_HOST": "m.example", "MAIL_FROM": "Acme"}, "MAIL_FROM: is 'Acme', expected something like Acme <hello@"),
        ({"SMTP_HOST": "m.example", "MAIL_FROM": "a@\u200d.example"}, "MAIL_FROM: "),
        ({"SMTP_HOST": "m.example", "MAIL_SENDERS": "Bob <bob@acme.example>"}, "MAIL_SENDERS: "),
        ({"SMTP_HOST": "m.example", "MAIL_SENDERS": "a@\u200d.example"}, "MAIL_SENDERS: "),
        ({"SMTP_HOST": "m.example", "MAIL_ATTACHMENT_PREFIXES": "reports"}, "'reports' is no folder"),
        ({"SMTP_HOST": "m.example", "MAIL_ATTACHMENT_PREFIXES": "claims/"}, "bodies of other jobs"),
        ({"MAIL_TRANSPORT": "resend", "RESEND_API_KEY": "re_x", "RESEND_URL": "resend.com"}, "RESEND_URL: "),
    ],
)
def test_what_cannot_work_is_named_at_start(environ: dict[str, str], problem: str) -> None:
    """A transport without what it needs, a password in the clear, a sender that is none."""
    with pytest.raises(SettingsError) as wrong:
        settings(**environ)
    assert problem in str(wrong.value)


def test_a_ca_file_without_certificates_is_named(tmp_path: Path) -> None:
    """A file that is there but holds no certificate is found at start, not at the first mail."""
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(SettingsError, match="SMTP_CA_FILE: cannot use"):
        settings(SMTP_HOST="mail.example", SMTP_CA_FILE=str(file))


def test_resend_needs_no_mail_server() -> None:
    """Each transport asks for its own settings only."""
    assert settings(MAIL_TRANSPORT="resend", RESEND_API_KEY="re_made_up").resend_url == "https://api.resend.com"


@pytest.mark.parametrize(
    ("written", "host", "shown"),
    [
        ("mail.example", "mail.example", "mail.example:587"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1:587"),
        ("2001:db8::1", "2001:db8::1", "[2001:db8::1]:587"),
        ("[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:587"),
        ("::1", "::1", "[::1]:587"),
        ("fe80::1%eth0", "fe80::1%eth0", "[fe80::1%eth0]:587"),
    ],
)
def test_a_mail_server_is_a_name_or_an_address(written: str, host: str, shown: str) -> None:
    """Also of IPv6, with and without brackets."""
    server = settings(SMTP_HOST=written).smtp
    assert (server.host, str(server)) == (host, shown)


def test_what_contradicts_itself_is_told_with_what_is_missing() -> None:
    """One look at the message is enough, however many settings are wrong."""
    with pytest.raises(SettingsError) as wrong:
        load(EmailSettings, {"SMTP_TLS": "none"})
    told = str(wrong.value)
    assert all(name in told for name in ("DATABASE_URL is missing", "S3_ENDPOINT is missing", "SMTP_HOST is missing"))

"""The settings of the gateway: what is wrong with them is told at start."""

import pytest

from nightshift.config.settings import SettingsError, load
from nightshift.contract.catalogue import load_catalogue
from nightshift.gateway.settings import GatewaySettings

NEEDED = {
    "DATABASE_URL": "sqlite:////tmp/nightshift.db",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "secret",
}


def loaded(**settings: str) -> GatewaySettings:
    """The settings of this environment."""
    return load(GatewaySettings, NEEDED | {name.upper(): value for name, value in settings.items()})


def test_by_default_it_listens_on_loopback_and_takes_no_job() -> None:
    """Whoever wants more says so."""
    settings = loaded()
    assert (settings.gateway_host, settings.gateway_jobs, settings.gateway_cors_origins) == ("127.0.0.1", (), ())
    assert settings.offered_jobs(load_catalogue()) == []


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ("email.send", ["email.send"]),
        ("email.send, report.*", ["email.send", "report.generate"]),
    ],
)
def test_the_jobs_that_are_taken_are_named_or_matched(jobs: str, expected: list[str]) -> None:
    """One by one, or by patterns."""
    assert loaded(gateway_jobs=jobs).offered_jobs(load_catalogue()) == expected


def test_no_pattern_reaches_an_internal_type() -> None:
    """However wide it is."""
    offered = loaded(gateway_jobs="*").offered_jobs(load_catalogue())
    assert "email.send" in offered
    assert not {"sync.all", "maintenance.files", "webhook.received"}.intersection(offered)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gateway_jobs": "email.sned"}, "GATEWAY_JOBS: no job type matches 'email.sned'; did you mean email.send?"),
        ({"gateway_jobs": "sync.all"}, "GATEWAY_JOBS: sync.all is internal"),
        ({"gateway_cors_origins": "https://a.example/x"}, "GATEWAY_CORS_ORIGINS: 'https://a.example/x' is no origin"),
        ({"gateway_cors_origins": "*"}, "GATEWAY_CORS_ORIGINS: '*' is no origin"),
        ({"gateway_trusted_proxies": "nginx"}, "GATEWAY_TRUSTED_PROXIES: 'nginx' is no address or network"),
        ({"gateway_token_jwks_url": "https://id.example.com/jwks"}, "GATEWAY_TOKEN_ISSUER is missing"),
        (
            {"gateway_token_jwks_url": "https://id.example.com/jwks", "gateway_token_algorithms": "HS256"},
            "GATEWAY_TOKEN_ALGORITHMS: expected some of ES256, Ed25519, EdDSA, RS256",
        ),
        (
            {"gateway_token_jwks_url": "https://id.example.com/jwks", "gateway_token_scopes": "files"},
            "GATEWAY_TOKEN_SCOPES: there is no scope 'files'",
        ),
        ({"gateway_tls_cert_file": "/nowhere.pem"}, "GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE belong together"),
        (
            {"gateway_tls_cert_file": "/nowhere.pem", "gateway_tls_key_file": "/nowhere.key"},
            "/nowhere.pem and /nowhere.key cannot be used: No such file or directory",
        ),
        (
            {"gateway_tls_cert_file": __file__, "gateway_tls_key_file": __file__},
            "GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE: ",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_variable(settings: dict[str, str], words: str) -> None:
    """And what was expected."""
    with pytest.raises(SettingsError) as wrong:
        loaded(**settings)
    assert words in str(wrong.value)

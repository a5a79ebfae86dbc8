"""Secrets that servers of one's own gave reach the containers that need them, and no others."""

from pathlib import Path

import pytest

from deploy import credentials
from deploy.given import GivenError, take
from nightshift.credentials.vault import Vault

HOLDERS = {"email", "postgres"}


def give(folder: Path, name: str, text: str) -> None:
    """Put a secret into the folder."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_a_new_secret_replaces_the_one_before(tmp_path: Path) -> None:
    """At each run; what has not changed is not written again. The line end of an editor is no part of it."""
    vault, given = Vault(tmp_path / "out"), tmp_path / "given"
    give(given, "email/smtp-password", "one\n")
    assert take(vault, given, HOLDERS) == ["email/smtp-password"]
    assert take(vault, given, HOLDERS) == []
    give(given, "email/smtp-password", "two")
    assert take(vault, given, HOLDERS) == ["email/smtp-password"]
    assert vault.text("email/smtp-password") == "two"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("emial/smtp-password", "x", "no container has that name; there are email, postgres"),
        ("email/smtp-password", "\n", "is empty"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_taken(tmp_path: Path, name: str, text: str, told: str) -> None:
    """A misspelt folder would be found by a service that cannot work."""
    vault, given = Vault(tmp_path / "out"), tmp_path / "given"
    give(given, "email/s3-secret-key", "right")
    give(given, name, text)
    with pytest.raises(GivenError, match=told):
        take(vault, given, HOLDERS)
    assert not (tmp_path / "out").exists()


def test_a_stack_with_stores_of_ones_own_gets_its_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docker-compose.production.yml asks for them, in the environment, so that `deploy.renew` finds the same."""
    given, out = tmp_path / "given", tmp_path / "out"
    give(given, "postgres/nightshift-password", "owners")
    give(given, "email/s3-secret-key", "emails")
    give(given, "console/oidc-client-secret", "consoles")
    monkeypatch.setenv("CREDENTIALS_GIVEN", str(given))
    monkeypatch.setenv("CREDENTIALS_DATABASE", "postgres.example.com/jobs")
    monkeypatch.setenv("CREDENTIALS_EXTERNAL_OBJECTS", "true")
    assert credentials.main(["--out", str(out)]) == 0
    assert (out / "provision/database-url").read_text() == "postgresql://nightshift:owners@postgres.example.com/jobs"
    assert (out / "email/s3-secret-key").read_text() == "emails"
    assert (out / "console/oidc-client-secret").read_text() == "consoles"
    assert not (out / "seaweedfs").exists()
    assert (out / "s3-policies/email.json").exists()


def test_a_folder_that_names_nobody_ends_it_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    give(tmp_path / "given", "nobody/password", "x")
    assert credentials.main(["--out", str(tmp_path / "out"), "--given", str(tmp_path / "given")]) == 2
    assert "no container has that name" in capsys.readouterr().err

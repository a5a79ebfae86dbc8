"""Which secrets are replaced, and that everything that is derived from them follows."""

import json
from pathlib import Path

import pytest

from deploy import credentials, renew


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """The credentials of a stack that runs."""
    assert credentials.main(["--out", str(tmp_path)]) == 0
    return tmp_path


def contents(root: Path) -> dict[str, str]:
    """Every file, by its path."""
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


def changed(root: Path, *kinds: str) -> set[str]:
    """The files that replacing these kinds changes."""
    before = contents(root)
    assert renew.main([*kinds, "--out", str(root)]) == 0
    after = contents(root)
    assert before.keys() == after.keys()
    return {name for name, text in before.items() if after[name] != text}


def test_the_brokers_users_get_new_passwords_and_the_producer_keeps_its_own(vault: Path) -> None:
    """The file of users has each of them."""
    names = changed(vault, "broker")
    assert {
        "email/nats-password",
        "console/operator-nats-password",
        "provision/nats-password",
        "nats/users.conf",
    } <= names
    assert "producer/nats-password" not in names
    users = (vault / "nats/users.conf").read_text()
    assert all(file.read_text() in users for file in vault.glob("*/nats-password"))


def test_the_databases_roles_get_new_passwords(vault: Path) -> None:
    """Each address has the one that `provision` gives its role."""
    names = changed(vault, "database")
    assert {"postgres/nightshift-password", "postgres/superuser-password", "email/database-url"} <= names
    assert "producer/database-url" not in names
    roles = json.loads((vault / "provision/database-roles").read_text())
    for service, password in roles.items():
        assert f":{password}@" in (vault / service / "database-url").read_text()


def test_the_keys_of_the_object_store_are_replaced_and_the_applications_is_kept(vault: Path) -> None:
    """The store's file has what the services have."""
    names = changed(vault, "objects")
    assert {"email/s3-secret-key", "provision/s3-secret-key", "seaweedfs/s3.json"} <= names
    assert "seaweedfs/nightshift-secret" not in names


def test_what_programs_outside_use_is_replaced_alone(vault: Path) -> None:
    """No service reads anything new."""
    names = changed(vault, "outside")
    assert {"producer/nats-password", "producer/database-url", "seaweedfs/nightshift-secret"} <= names
    assert not {name for name in names if name.split("/")[0] in {"email", "gateway", "scheduler"}}


def test_the_key_of_linked_accounts_is_never_replaced(vault: Path) -> None:
    """What it encrypts could be read by nobody."""
    assert "sync/account-keys" not in changed(vault, "broker", "database", "objects", "outside")


def test_a_folder_without_credentials_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made there."""
    assert renew.main(["broker", "--out", str(tmp_path)]) == 1
    assert "was the stack started" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

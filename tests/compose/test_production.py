"""The file for PostgreSQL, object store and mail server of one's own: what it starts, and what it asks for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.compose.project import ROOT, run

_EXAMPLE = ROOT / "deploy" / "production.env"
_FILES = ("docker-compose.yml", "docker-compose.production.yml")
_THREE_BROKERS = ("docker-compose.yml", "docker-compose.cluster.yml", "docker-compose.production.yml")


def config(tmp_path: Path, *files: str, without: str = "") -> dict[str, Any]:
    """What `docker compose config` makes of these files and the example of settings, with every key filled in."""
    lines = [re.sub(r"=$", "=filled-in", line) for line in _EXAMPLE.read_text(encoding="utf-8").splitlines()]
    settings = [line for line in lines if not line.startswith(("COMPOSE_FILE=", f"{without}=" if without else "#"))]
    file = tmp_path / "production.env"
    file.write_text("\n".join(settings), encoding="utf-8")
    named = [word for one in files for word in ("-f", one)]
    command = ["docker", "compose", "--env-file", str(file), *named, "config", "--format", "json"]
    return dict(json.loads(run(command))["services"])


@pytest.mark.parametrize("files", [_FILES, _THREE_BROKERS], ids=["one broker", "three brokers"])
def test_no_store_and_no_mail_catcher_is_started_and_nothing_is_built(tmp_path: Path, files: tuple[str, ...]) -> None:
    """Nothing waits for one either; the image is that of a release, the broker the one that it was."""
    services = config(tmp_path, *files)
    assert not {"postgres", "seaweedfs", "maildev"} & services.keys()
    assert {"email", "gateway", "provision", "credentials", "nats"} <= services.keys()
    assert not [name for name, one in services.items() if "build" in one]
    waits = {name for one in services.values() for name in one.get("depends_on", {})}
    assert waits <= services.keys()
    images = {one["image"] for name, one in services.items() if not name.startswith("nats")}
    assert images == {"registry.example.com/nightshift:0.1.0"}
    assert ("nats-3" in services["provision"]["depends_on"]) == (files == _THREE_BROKERS)
    for one in services.values():
        assert one["restart"] in {"unless-stopped", "no"}
        assert one["logging"]["options"]["max-size"]


def test_each_service_gets_its_own_key_and_verifies_what_it_speaks_to(tmp_path: Path) -> None:
    """Secrets are files; no setting of the shipped stores is left."""
    services = config(tmp_path, *_FILES)
    for name in ("email", "upload", "sync", "report", "maintenance", "webhook", "gateway", "provision"):
        environment = services[name]["environment"]
        assert environment["S3_ENDPOINT"] == "https://s3.example.com"
        assert environment["S3_ACCESS_KEY"] == "filled-in"
        assert environment["DATABASE_CA_FILE"] == "/etc/ssl/certs/ca-certificates.crt"
        assert environment["SMTP_TLS"] == "starttls"
        assert not {"S3_SECRET_KEY", "SMTP_PASSWORD", "DATABASE_URL"} & environment.keys()
    assert services["email"]["environment"]["SMTP_PASSWORD_FILE"] == "/run/credentials/smtp-password"


@pytest.mark.parametrize("name", ["NIGHTSHIFT_IMAGE", "DATABASE", "S3_ENDPOINT", "S3_ACCESS_KEY_EMAIL", "SMTP_HOST"])
def test_what_is_missing_is_named_before_anything_is_started(tmp_path: Path, name: str) -> None:
    """By the variable."""
    with pytest.raises(AssertionError, match=f"required variable {name} is missing a value"):
        config(tmp_path, *_FILES, without=name)

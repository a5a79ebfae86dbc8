"""The production stack beside PostgreSQL, object store and mail server that are none of it."""

import json
import secrets
from pathlib import Path

from nightshift.objects.access import seaweedfs_actions
from schema.access import OBJECTS
from tests.compose.project import ROOT, Project
from tests.integration.services.email.certificates import make_certificates

SERVERS = ("postgres", "s3", "smtp")
BUCKET = "nightshift"
_WITH_KEYS = ("email", "upload", "sync", "report", "maintenance", "webhook", "gateway")
_READS_AUTHORITY = (*_WITH_KEYS, "console", "scheduler", "provision")
_OWNER = """
CREATE ROLE nightshift LOGIN CREATEROLE PASSWORD '{password}';
CREATE DATABASE nightshift OWNER nightshift;
"""
"""What docs/compose.md says that an administrator does."""


class Outside(Project):
    """The servers of somebody else, in a folder with their certificates and keys."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.files = ["tests/compose/outside.yml"]
        self.folder = folder
        self.owner_password, self.smtp_password = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.keys = {name: secrets.token_urlsafe() for name in (*_WITH_KEYS, "provision")}
        self.environment |= {
            "OUTSIDE": str(folder),
            "OUTSIDE_NETWORK": f"{self.name}-network",
            "POSTGRES_PASSWORD": secrets.token_urlsafe(),
            "SMTP_PASSWORD": self.smtp_password,
        }
        for server in SERVERS:
            (folder / server).mkdir()
        certificates = make_certificates(folder / "postgres", "postgres.example.com")
        for server in ("s3", "smtp"):
            certificates.another(folder / server, f"{server}.example.com")
        self.authority = certificates.ca_file
        (folder / "postgres" / "init.sql").write_text(_OWNER.format(password=self.owner_password), encoding="utf-8")
        (folder / "s3" / "s3.json").write_text(json.dumps({"identities": self._identities()}), encoding="utf-8")
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def _identities(self) -> list[dict[str, object]]:
        """Each service's key reaches its own folders; the one of `provision` makes the bucket."""
        actions = {name: seaweedfs_actions(OBJECTS[name], BUCKET) for name in _WITH_KEYS} | {"provision": ["Admin"]}
        return [
            {"name": name, "credentials": [{"accessKey": f"key-of-{name}", "secretKey": key}], "actions": actions[name]}
            for name, key in self.keys.items()
        ]


class Production(Project):
    """The stack of `docker-compose.production.yml`, with the example of settings filled in for servers outside."""

    def __init__(self, outside: Outside, image: str, folder: Path) -> None:
        super().__init__()
        self.files = ["docker-compose.yml", "docker-compose.production.yml", "tests/compose/outside-network.yml"]
        self.folder, self._outside = folder, outside
        self.environment |= {
            **_example(),
            **{f"S3_ACCESS_KEY_{name.upper()}": f"key-of-{name}" for name in _WITH_KEYS},
            "S3_ACCESS_KEY_OPERATOR": "key-of-provision",
            "NIGHTSHIFT_IMAGE": image,
            "SECRETS_FOLDER": str(folder),
            "OUTSIDE_NETWORK": outside.environment["OUTSIDE_NETWORK"],
            **dict.fromkeys(("DATABASE_CA_FILE", "S3_CA_FILE", "SMTP_CA_FILE"), "/run/credentials/ca.pem"),
            "SMTP_PORT": "465",
            "SMTP_TLS": "implicit",
            "GATEWAY_JOBS": "email.send",
        }
        self.give("postgres/nightshift-password", outside.owner_password)
        self.give("email/smtp-password", outside.smtp_password)
        for name, key in outside.keys.items():
            self.give(f"{name}/s3-secret-key", key)
        for name in _READS_AUTHORITY:
            self.give(f"{name}/ca.pem", outside.authority.read_text(encoding="utf-8"))

    def remove(self) -> None:
        """Takes away all of it but the image and the network, which are others'."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5")
        assert self.left() == []

    def give(self, name: str, secret: str) -> None:
        """Put a secret into the folder, readable by the containers' user."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.parent.chmod(0o755)
        file.write_text(secret, encoding="utf-8")
        file.chmod(0o644)


def _example() -> dict[str, str]:
    """The lines of `deploy/production.env` that are no comments."""
    lines = (ROOT / "deploy" / "production.env").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    del settings["COMPOSE_FILE"]
    return settings

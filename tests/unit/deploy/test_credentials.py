"""What the stack's credentials are, who gets which, and that a second start changes none of them."""

import json
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import credentials, password
from deploy.credentials import issue
from nightshift.contract.catalogue import load_catalogue
from nightshift.credentials.issuing import Stores, names_taken
from nightshift.credentials.vault import Vault
from nightshift.topology.topology import Topology, declared_topology, topology
from schema.access import OBJECTS, TABLES

WITH_DATABASE = sorted(service for service, access in TABLES.items() if access)
WITH_OBJECTS = sorted(service for service, access in OBJECTS.items() if access.write)


@pytest.fixture
def declared() -> Topology:
    """The real topology."""
    return declared_topology(load_catalogue())


def contents(root: Path) -> dict[str, str]:
    """Every file below a folder, by its path there."""
    return {str(file.relative_to(root)): file.read_text() for file in sorted(root.rglob("*")) if file.is_file()}


def test_a_second_start_keeps_every_secret(tmp_path: Path, declared: Topology) -> None:
    """Passwords that databases and clients know by now must not change."""
    issue(Vault(tmp_path), declared, load_catalogue())
    before = contents(tmp_path)
    issue(Vault(tmp_path), declared, load_catalogue())
    assert contents(tmp_path) == before


def test_every_user_of_the_broker_has_a_password_of_its_own(tmp_path: Path, declared: Topology) -> None:
    """Long, random, and the one that the broker's configuration holds."""
    names = issue(Vault(tmp_path), declared, load_catalogue())
    users = (tmp_path / "nats" / "users.conf").read_text()
    held = dict(re.findall(r'user: "([\w-]+)", password: "([^"]+)"', users))
    assert sorted(held) == names
    assert len(set(held.values())) == len(names)
    assert min(len(value) for value in held.values()) >= 40
    files: dict[str, str] = {
        "operator": "provision/nats-password",
        "console-viewer": "console/viewer-nats-password",
        "console-operator": "console/operator-nats-password",
    }
    for name, value in held.items():
        assert (tmp_path / files.get(str(name), f"{name}/nats-password")).read_text() == value


def test_each_container_gets_what_it_needs_and_nothing_else(tmp_path: Path, declared: Topology) -> None:
    """The scheduler has no database; only the database server knows its superuser's password."""
    issue(Vault(tmp_path), declared, load_catalogue())
    files = {folder.name: sorted(file.name for file in folder.iterdir()) for folder in tmp_path.iterdir()}
    worker = ["database-url", "nats-password", "s3-access-key", "s3-secret-key"]
    assert files == {
        **dict.fromkeys({consumer.name for consumer in declared.consumers}, worker),
        "gateway": worker,
        "console": ["database-url", "operator-nats-password", "viewer-nats-password"],
        "sync": ["account-keys", *worker],
        "provision": ["database-roles", *worker[:1], *worker[1:2], "roles", *worker[2:]],
        "scheduler": ["nats-password"],
        "producer": ["database-url", "nats-password"],
        "nats": ["users.conf"],
        "postgres": ["nightshift-password", "superuser-password"],
        "seaweedfs": sorted(
            ["nightshift-secret", "operator-secret", "s3.json", *(f"{name}-secret" for name in WITH_OBJECTS)]
        ),
        "grafana": ["admin-password"],
    }


def test_each_service_has_a_key_of_its_own_for_its_folders(tmp_path: Path, declared: Topology) -> None:
    """The keys that the object store knows are those that the services have; the application's reaches the bucket."""
    issue(Vault(tmp_path), declared, load_catalogue())
    known = {one["name"]: one for one in json.loads((tmp_path / "seaweedfs" / "s3.json").read_text())["identities"]}
    assert known.keys() == {*WITH_OBJECTS, "nightshift", "operator"}
    for name in (*WITH_OBJECTS, "operator"):
        folder = tmp_path / ("provision" if name == "operator" else name)
        (pair,) = known[name]["credentials"]
        assert pair["accessKey"] == (folder / "s3-access-key").read_text() == name
        assert pair["secretKey"] == (folder / "s3-secret-key").read_text()
    assert all("/" in action for name in WITH_OBJECTS for action in known[name]["actions"])
    assert all(action.endswith(":nightshift") for action in known["nightshift"]["actions"])
    assert len({one["credentials"][0]["secretKey"] for one in known.values()}) == len(known)


def test_each_service_has_a_role_of_its_own(tmp_path: Path, declared: Topology) -> None:
    """Its address has its role and password; so has a producer's, who enqueues by SQL; `provision` alone has all."""
    issue(Vault(tmp_path), declared, load_catalogue(), stores=Stores("db.example.com/app?sslmode=verify-full"))
    passwords = json.loads((tmp_path / "provision" / "database-roles").read_text())
    assert sorted(passwords) == sorted([*WITH_DATABASE, "producer"])
    for name, secret in passwords.items():
        url = (tmp_path / name / "database-url").read_text()
        assert url == f"postgresql://nightshift_{name}:{secret}@db.example.com/app?sslmode=verify-full"
    assert (tmp_path / "provision" / "database-url").read_text().startswith("postgresql://nightshift:")


def test_a_providers_object_store_gets_policies_and_its_keys_are_kept(tmp_path: Path, declared: Topology) -> None:
    """What whoever makes the keys there has to allow; keys that were put into the folders stay as they are."""
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "s3-secret-key").write_text("from the provider")
    issue(Vault(tmp_path), declared, load_catalogue(), stores=Stores(own_object_store=False))
    assert (tmp_path / "email" / "s3-secret-key").read_text() == "from the provider"
    assert not (tmp_path / "seaweedfs").exists()
    assert sorted(file.stem for file in (tmp_path / "s3-policies").iterdir()) == WITH_OBJECTS
    policy = json.loads((tmp_path / "s3-policies" / "email.json").read_text())
    assert "arn:aws:s3:::nightshift/reports/*" in policy["Statement"][0]["Resource"]


def test_nobody_else_on_the_machine_can_read_them(tmp_path: Path, declared: Topology) -> None:
    """Readable by owner and group, writable by nobody."""
    issue(Vault(tmp_path), declared, load_catalogue())
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*") if file.is_file()}
    assert modes == {0o440}


def test_new_permissions_reach_the_broker(tmp_path: Path, declared: Topology) -> None:
    """What is computed is written anew; the passwords in it stay."""
    issue(Vault(tmp_path), declared, replace(load_catalogue(), publishes={**load_catalogue().publishes, "upload": ()}))
    before = (tmp_path / "nats" / "users.conf").read_text()
    issue(
        Vault(tmp_path),
        declared,
        replace(load_catalogue(), publishes={**load_catalogue().publishes, "upload": ("email.send",)}),
    )
    after = (tmp_path / "nats" / "users.conf").read_text()
    assert before != after
    assert re.findall(r'password: "([^"]+)"', before) == re.findall(r'password: "([^"]+)"', after)


def test_the_gateways_user_may_publish_what_the_setting_names(tmp_path: Path) -> None:
    """`GATEWAY_JOBS` beside what it enqueues of its own accord; nothing else, and by default nothing."""
    assert credentials.main(["--out", str(tmp_path), "--gateway-jobs", "email.send, report.generate"]) == 0
    assert _of_gateway(tmp_path) == {
        "jobs.email.send",
        "jobs.report.generate",
        "jobs.upload.process",
        "jobs.webhook.received",
    }
    assert credentials.main(["--out", str(tmp_path)]) == 0
    assert _of_gateway(tmp_path) == {"jobs.upload.process", "jobs.webhook.received"}
    assert credentials.main(["--out", str(tmp_path), "--gateway-jobs", "*"]) == 0
    assert _of_gateway(tmp_path) == {"jobs.webhook.received", *(f"jobs.{name}" for name in load_catalogue().public())}


def _of_gateway(root: Path) -> set[str]:
    users = (root / "nats" / "users.conf").read_text()
    (line,) = [line for line in users.splitlines() if 'user: "gateway"' in line]
    return set(re.findall(r'"(jobs\.[^"]+)"', line))


@pytest.mark.parametrize(("named", "said"), [("email.sned", "email.send"), ("maintenance.files", "is internal")])
def test_a_job_that_the_gateway_cannot_take_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], named: str, said: str
) -> None:
    """A typing error, or a type that nobody outside may ask for; exit code 2, and nothing is written."""
    assert credentials.main(["--out", str(tmp_path), "--gateway-jobs", f"report.generate,{named}"]) == 2
    error = capsys.readouterr().err
    assert "GATEWAY_JOBS" in error
    assert named in error
    assert said in error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a traceback, exit code 1."""
    (tmp_path / "nats").write_text("a file where a folder must be")
    (tmp_path / "email").write_text("another")
    assert credentials.main(["--out", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("whose", sorted(password.FILES))
def test_a_person_can_ask_for_each_password(
    tmp_path: Path, declared: Topology, capsys: pytest.CaptureFixture[str], whose: str
) -> None:
    """Alone on its line, for `$(…)`."""
    issue(Vault(tmp_path), declared, load_catalogue(), brokers=["nats"])
    assert password.main([whose, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (tmp_path / password.FILES[whose]).read_text() + "\n"


def test_before_the_first_start_there_is_no_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, exit code 1."""
    assert password.main(["producer", "--out", str(tmp_path)]) == 1
    assert "was the stack started?" in capsys.readouterr().err


def test_an_address_of_ones_own_stays(tmp_path: Path, declared: Topology) -> None:
    """Another user's: what whoever runs the database made is not ours to change, with whatever options."""
    own = "postgresql+asyncpg://app:their@password@db.example.com:6432/shop?sslmode=require"
    issue(Vault(tmp_path), declared, load_catalogue())
    (tmp_path / "email" / "database-url").unlink()
    (tmp_path / "email" / "database-url").write_text(own)
    issue(Vault(tmp_path), declared, load_catalogue(), stores=Stores("elsewhere/db"))
    assert (tmp_path / "email" / "database-url").read_text() == own


def test_where_the_database_is_stays_until_it_is_named_anew(tmp_path: Path, declared: Topology) -> None:
    """A next run that does not repeat `--database` leaves the addresses as they are."""
    issue(Vault(tmp_path), declared, load_catalogue(), stores=Stores("db.example.com/app"))
    before = contents(tmp_path)
    issue(Vault(tmp_path), declared, load_catalogue())
    assert contents(tmp_path) == before
    issue(Vault(tmp_path), declared, load_catalogue(), stores=Stores("db2.example.com/app"))
    assert "@db2.example.com/app" in (tmp_path / "sync" / "database-url").read_text()


def test_a_providers_key_stays_also_where_the_option_is_forgotten(tmp_path: Path, declared: Topology) -> None:
    """Keys that do not bear our names are somebody's own."""
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "s3-access-key").write_text("AKIAEXAMPLE")
    (folder / "s3-secret-key").write_text("from the provider")
    issue(Vault(tmp_path), declared, load_catalogue())
    assert [(folder / name).read_text() for name in ("s3-access-key", "s3-secret-key")] == [
        "AKIAEXAMPLE",
        "from the provider",
    ]


def test_the_one_user_of_the_first_release_becomes_a_role_for_each(tmp_path: Path, declared: Topology) -> None:
    """Up to 0.1 the stack's services shared the owner's address."""
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "database-url").write_text("postgresql://nightshift:old@postgres:5432/nightshift")
    issue(Vault(tmp_path), declared, load_catalogue())
    assert (tmp_path / "email" / "database-url").read_text().startswith("postgresql://nightshift_email:")


def test_a_service_cannot_be_called_as_a_folder_that_is_anothers() -> None:
    """Its secrets would be the broker's; both commands that make credentials ask here."""
    with pytest.raises(ValueError, match="nats is a folder of the credentials already"):
        names_taken(topology(["nats.run"], {}), load_catalogue())

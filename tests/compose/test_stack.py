"""What the stack is made of: every service, hardened containers, credentials for each of its own."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.compose.conftest import Eventually
from tests.compose.project import Project
from tests.repository import SERVICES

ONE_SHOTS = {"credentials", "provision"}
INFRASTRUCTURE = {"nats", "postgres", "seaweedfs", "maildev"}
OF_TESTS = {"feed"}
_SHOW = """
import json, pathlib
print(json.dumps({file.name: file.read_text() for file in pathlib.Path("/run/credentials").iterdir()}))
"""
_ADD_USER = """
import pathlib
file = pathlib.Path("/volumes/credentials/nats/users.conf")
text = file.read_text().replace("users = [", 'users = [{user: "newcomer", password: "password"}', 1)
part = file.with_name("part")
part.write_text(text)
part.replace(file)
"""
_CONNECT = """
import socket
reached = []
for port in (8333, 8080, 8888, 9333, 18080, 18888, 19333, 8111, 8181, 9101):
    try:
        socket.create_connection(("seaweedfs", port), timeout=2).close()
        reached.append(port)
    except OSError:
        pass
print(reached)
"""

_READ_ACCOUNTS = """
import asyncio, pathlib, asyncpg
async def read():
    connection = await asyncpg.connect(pathlib.Path("/run/credentials/database-url").read_text())
    try:
        print(await connection.fetch("SELECT credentials FROM linked_accounts"))
    except asyncpg.InsufficientPrivilegeError as error:
        print(error)
asyncio.run(read())
"""


def test_every_service_is_in_the_stack(stack: Project) -> None:
    """A service's folder is a service of the stack with the same name, which runs that folder."""
    declared = json.loads(stack.compose("config", "--format", "json"))["services"]
    assert set(declared) == {*SERVICES, *ONE_SHOTS, *INFRASTRUCTURE, *OF_TESTS}
    for service in SERVICES:
        assert declared[service]["command"] == [f"services.{service}"]
    assert len(stack.containers("scheduler")) == 2


def test_everything_is_healthy_and_the_one_shots_have_ended_well(stack: Project) -> None:
    """Docker itself says so."""
    for service in (*SERVICES, *INFRASTRUCTURE):
        for container in stack.inspect(*stack.containers(service)):
            assert container["State"]["Health"]["Status"] == "healthy", service
    for service in ONE_SHOTS:
        (container,) = stack.inspect(*stack.containers(service, running=False))
        assert container["State"]["ExitCode"] == 0


def test_no_container_is_root_or_can_become_it(stack: Project) -> None:
    """Nor write to its file system, use a capability, take all memory, or be reached from outside this machine."""
    names = [*SERVICES, *ONE_SHOTS, *INFRASTRUCTURE]
    containers = stack.inspect(*(one for name in names for one in stack.containers(name, running=False)))
    for container in containers:
        host, name = container["HostConfig"], container["Name"]
        assert container["Config"]["User"].split(":")[0] not in {"", "0", "root"}, name
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert not host["Privileged"], name
        assert 0 < host["Memory"] <= 2 * 1024**3, name
        assert 0 < host["PidsLimit"] <= 1024, name
        reads_files = container["Config"]["Labels"]["com.docker.compose.service"] in {"upload", "sync", "report"}
        assert host["NanoCpus"] == (1_000_000_000 if reads_files else 0), name
        published = [binding["HostIp"] for ports in (host["PortBindings"] or {}).values() for binding in ports]
        assert set(published) <= {"127.0.0.1"}, name
        one_shot = container["Config"]["Labels"]["com.docker.compose.service"] in ONE_SHOTS
        assert host["RestartPolicy"]["Name"] == ("no" if one_shot else "unless-stopped"), name


def test_no_secret_is_in_a_containers_environment(stack: Project) -> None:
    """`docker inspect` shows names of files."""
    secrets = [stack.password(whose) for whose in ("producer", "operator", "postgres", "s3")]
    seen = json.dumps(stack.inspect(*(one for name in SERVICES for one in stack.containers(name))))
    assert not [secret for secret in secrets if secret in seen]


_BOTH_STORES = {"database-url", "s3-access-key", "s3-secret-key"}


def test_a_container_sees_its_own_credentials_only(stack: Project) -> None:
    """The scheduler has no way to the database; nobody has another's password for the broker."""
    passwords, urls = set(), set()
    for service in SERVICES:
        listing = stack.compose("exec", "-T", service, "python", "-c", _SHOW)
        files = json.loads(listing)
        stores = {"scheduler": set[str](), "console": {"database-url"}}.get(service, _BOTH_STORES)
        own = {"account-keys"} if service == "sync" else set()
        broker = ["operator-nats-password", "viewer-nats-password"] if service == "console" else ["nats-password"]
        assert set(files) == {*broker} | stores | own, service
        passwords.add(files[broker[0]])
        urls.add(files.get("database-url"))
    assert len(passwords) == len(urls) == len(SERVICES)
    assert not passwords & {stack.password("producer"), stack.password("operator")}


def test_a_service_stops_within_its_grace_period(stack: Project) -> None:
    """Compose waits longer than a service drains, so that nothing is killed at work."""
    declared = json.loads(stack.compose("config", "--format", "json"))["services"]
    assert {declared[service]["stop_grace_period"] for service in SERVICES} == {"40s"}


@pytest.mark.parametrize("path", ["", "nightshift", "nightshift/uploads/x"])
def test_the_object_store_asks_for_keys(stack: Project, path: str) -> None:
    """Nobody lists, reads or finds anything without."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{stack.s3_port}/{path}", timeout=10)
    refused.value.close()
    assert refused.value.code == 403


def test_the_inner_ports_of_the_object_store_cannot_be_reached(stack: Project) -> None:
    """Master, volumes and filer ask nobody for a key, so they are not on the network of the stack."""
    assert json.loads(stack.compose("exec", "-T", "email", "python", "-c", _CONNECT)) == [8333]


def test_no_role_owns_the_database_server(stack: Project) -> None:
    """The tables' owner may make the services' roles and is no superuser; these may log in and nothing else."""
    query = "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname LIKE 'nightshift%'"
    roles = {role.pop("rolname"): role for role in stack.rows(query)}
    nothing = {"rolsuper": False, "rolcreatedb": False, "rolcreaterole": False}
    owner = roles.pop("nightshift")
    assert owner == nothing | {"rolcreaterole": True}
    roles_of = {*SERVICES, "producer"} - {"scheduler"}
    assert roles == {f"nightshift_{name}": nothing for name in roles_of}
    assert "permission denied" in stack.compose("exec", "-T", "email", "python", "-c", _READ_ACCOUNTS)


def test_the_image_holds_what_runs_and_nothing_else(stack: Project) -> None:
    """No tests, no embedded programs, no pip; built from the lock of what runs."""
    code = "import pathlib; print(sorted(p.name for p in pathlib.Path('/app').iterdir()))"
    assert stack.compose("exec", "-T", "email", "python", "-c", code).strip() == str(
        ["contracts", "deploy", "schema", "services", "shared"]
    )
    installed = stack.compose("exec", "-T", "email", "sh", "-c", "ls /venv/bin /venv/lib/python3*/site-packages")
    assert not {"pip", "nats-server", "weed", "pytest", "aiosmtpd"} & set(installed.split())


def test_the_broker_learns_of_new_users_without_a_restart(stack: Project, eventually: Eventually) -> None:
    """A release that brings a service brings its user: whoever is connected stays connected."""
    with stack.cli("producer") as connected:
        stack.compose("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "credentials", "-c", _ADD_USER)
        try:
            eventually(lambda: stack.lets_in("newcomer", "password"), "the new user may come in")
        finally:
            stack.compose("run", "--rm", "-T", "--no-deps", "credentials")
        eventually(lambda: not stack.lets_in("newcomer", "password"), "and no longer, once it is gone")
        connected.flush()


def test_the_operators_command_line_works_on_the_stack(stack: Project) -> None:
    """`docker compose run --rm operator queues list`: all queues, with the stack's own credentials."""
    listed = json.loads(stack.compose("run", "--rm", "-T", "operator", "queues", "list", "--json"))
    assert "email" in json.dumps(listed)
    assert "broker" in stack.compose("run", "--rm", "-T", "operator", "doctor").lower()


def test_compose_names_the_tags_of_its_images() -> None:
    """No image without a version."""
    text = (Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text(encoding="utf-8")
    images = [line.split("image:")[1].strip() for line in text.splitlines() if "image:" in line]
    others = [image for image in images if not image.startswith("${NIGHTSHIFT_IMAGE:-")]
    assert [image for image in others if ":" not in image or image.endswith(":latest")] == []

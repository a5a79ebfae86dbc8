"""A compose project of the tests' own: started, looked into, and removed with all that belongs to it."""

import json
import os
import secrets
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nightshift.embedded.processes.ports import free_ports
from tests.nats_cli import NatsCli

ROOT = Path(__file__).resolve().parents[2]
_PSQL = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "nightshift", "-qAt", "-v", "ON_ERROR_STOP=1")
FILES = ("docker-compose.yml", "tests/compose/override.yml")


class Project:
    """The stack of `docker-compose.yml`, and of files besides it, with names and ports that no other run shares."""

    def __init__(self, name: str | None = None, *, besides: Sequence[str] = ()) -> None:
        self.name = name or f"nightshift-test-{secrets.token_hex(4)}"
        self.files = [*FILES, *besides]
        self.nats_port, self.s3_port, self.maildev_port, self.prometheus_port, self.grafana_port = free_ports(5)
        self.gateway_port, self.console_port, self.alertmanager_port = free_ports(3)
        self._passwords: dict[str, str] = {}
        self.environment = {
            "NATS_PORT": str(self.nats_port),
            "S3_PORT": str(self.s3_port),
            "MAILDEV_PORT": str(self.maildev_port),
            "PROMETHEUS_PORT": str(self.prometheus_port),
            "GRAFANA_PORT": str(self.grafana_port),
            "GATEWAY_PORT": str(self.gateway_port),
            "CONSOLE_PORT": str(self.console_port),
            "ALERTMANAGER_PORT": str(self.alertmanager_port),
            "GATEWAY_JOBS": "email.send",
            "ADMIN_EMAIL": "admin@example.com",
        }

    def compose(
        self, *arguments: str, timeout_seconds: float = 300, stdin: str = "", extra: Mapping[str, str] | None = None
    ) -> str:
        """Runs `docker compose …` on this project and returns what it printed.

        Raises:
            AssertionError: it failed; the text ends with what it said.
        """
        files = [word for file in self.files for word in ("-f", file)]
        command = ["docker", "compose", "--ansi", "never", "-p", self.name, *files, *arguments]
        return run(command, timeout_seconds=timeout_seconds, stdin=stdin, extra=self.environment | dict(extra or {}))

    def up(self, *arguments: str, extra: Mapping[str, str] | None = None) -> None:
        """`docker compose up --wait`: returns when all containers are healthy."""
        self.compose("up", "-d", "--wait", "--quiet-pull", *arguments, timeout_seconds=600, extra=extra)

    def remove(self) -> None:
        """Takes away containers, networks, volumes and image.

        Raises:
            AssertionError: something is left.
        """
        self._take_down(time.monotonic() + 60)
        if run(["docker", "image", "ls", "--quiet", f"nightshift:{self.name}"]):
            run(["docker", "image", "rm", f"nightshift:{self.name}"])
        run(["docker", "image", "prune", "--force", "--filter", f"label=com.docker.compose.project={self.name}"])
        assert self.left() == [], "nothing is left running, and nothing on the disk"

    def _take_down(self, deadline: float) -> None:
        try:
            self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "5")
        except AssertionError as refused:
            # The engine may take a moment to let go of a container that has just ended.
            if "has active endpoints" not in str(refused) or time.monotonic() > deadline:
                raise
            self._take_down(deadline)

    def left(self) -> list[str]:
        """What Docker has of this project: containers, networks, volumes and images."""
        named = f"name={self.name}"
        found = [
            *run(["docker", "ps", "--all", "--filter", named, "--format", "container {{.Names}}"]).splitlines(),
            *run(["docker", "network", "ls", "--filter", named, "--format", "network {{.Name}}"]).splitlines(),
            *run(["docker", "volume", "ls", "--filter", named, "--format", "volume {{.Name}}"]).splitlines(),
        ]
        return (
            found + run(["docker", "image", "ls", "--format", "image {{.ID}}", f"nightshift:{self.name}"]).splitlines()
        )

    def containers(self, service: str, *, running: bool = True) -> list[str]:
        """The ids of a service's containers."""
        return self.compose("ps", "--quiet", *([] if running else ["--all"]), service).split()

    def inspect(self, *containers: str) -> list[dict[str, Any]]:
        """What `docker inspect` says of these containers."""
        return list(json.loads(run(["docker", "inspect", *containers])))

    def password(self, whose: str) -> str:
        """The password that the documents tell a person to ask for."""
        if whose not in self._passwords:
            command = ("run", "--rm", "-T", "--no-deps", "credentials", "deploy.password", whose)
            self._passwords[whose] = self.compose(*command).strip()
        return self._passwords[whose]

    def forget_passwords(self) -> None:
        """Asks for them anew from now on."""
        self._passwords.clear()

    @contextmanager
    def cli(self, user: str = "operator") -> Iterator[NatsCli]:
        """A connection of the `nats` command line from the host."""
        with NatsCli(self.nats_port, user=user, password=self.password(user)) as connection:
            yield connection

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query finds in the database."""
        wrapped = f"SELECT coalesce(json_agg(found), '[]') FROM ({query}) AS found"  # noqa: S608 - the test's own query
        return list(json.loads(self.compose(*_PSQL, stdin=wrapped)))

    def sql(self, statement: str) -> None:
        """Runs a statement as the superuser."""
        self.compose(*_PSQL, stdin=statement)

    def doctor(self) -> str:
        """What `doctor` says in the operator's container, good or bad."""
        try:
            return self.compose("run", "--rm", "-T", "operator", "doctor")
        except AssertionError as found:
            return str(found)

    def lets_in(self, user: str, password: str) -> bool:
        """Whether the broker takes this user."""
        try:
            NatsCli(self.nats_port, user=user, password=password).close()
        except ConnectionResetError:
            return False
        return True

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stores rows in the database, as a web application would."""
        names = ", ".join(rows[0])
        statement = (
            f"INSERT INTO {table} ({names}) "  # noqa: S608 - the test's own names
            f"SELECT {names} FROM json_populate_recordset(NULL::{table}, $json${json.dumps(rows)}$json$)"
        )
        self.compose(*_PSQL, stdin=statement)

    def mails(self, recipient: str = "") -> list[dict[str, Any]]:
        """The mails in the catcher, all or those to one address."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.maildev_port}/api/email", timeout=10) as answer:
            found = json.load(answer)
        return [mail for mail in found if not recipient or recipient in [to["address"] for to in mail["to"]]]

    def events(self, *services: str) -> list[dict[str, Any]]:
        """The log of services as events; each also says which `container` wrote it."""
        return [
            json.loads(line) | {"container": container}
            for service in services
            for container in self.containers(service, running=False)
            for line in run(["docker", "logs", container]).splitlines()
            if line.startswith("{")
        ]

    def jobs(self, service: str) -> list[dict[str, Any]]:
        """The lines that a service wrote about jobs."""
        return [event for event in self.events(service) if event.get("event") == "job"]


def run(
    command: Sequence[str], *, timeout_seconds: float = 120, stdin: str = "", extra: Mapping[str, str] | None = None
) -> str:
    """Runs a command from the root of the repository and returns what it printed, errors included.

    Raises:
        AssertionError: it failed; the text ends with what it said.
    """
    environment = os.environ | dict(extra or {})
    done = subprocess.run(  # noqa: S603 - commands of the tests' own
        command,
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout

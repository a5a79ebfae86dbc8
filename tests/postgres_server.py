"""A PostgreSQL server of the test's own that speaks to nobody without a password; with a certificate, only by TLS."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.servers import find
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.processes.process import Process, StartFailedError
from tests.integration.services.email.certificates import Certificates
from tests.servers import needing_programs

_LOGIN_RULES = """\
{kind} all all 127.0.0.1/32 scram-sha-256
{kind} all all ::1/128 scram-sha-256
"""
_USER = "postgres"
"""The server refuses to run as root: the user that Debian's package makes."""
_START_SECONDS, _AGAIN_SECONDS = 20.0, 0.2


class PostgresServer:
    """One server in a folder of its own; `url` has user, password and database, and says nothing about TLS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self.log = folder / "log" / "postgres.log"
        self.password = secrets.token_urlsafe(16)
        (self.port,) = free_ports(1)
        self._as_user: list[str | Path] = []
        if os.geteuid() == 0:
            setpriv = find("setpriv", apt="util-linux")
            self._as_user = [setpriv, "--reuid", _USER, "--regid", _USER, "--clear-groups", "--pdeathsig", "KILL"]
            shutil.chown(folder, _USER)
        self._settings: tuple[str, ...] = ("listen_addresses=127.0.0.1",)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Address by the name that the certificate has."""
        return self.url_by("localhost")

    def url_by(self, host: str, password: str | None = None) -> str:
        """Address by another name, or with another password."""
        return f"postgresql://app:{password or self.password}@{host}:{self.port}/postgres"

    async def start(self, certificates: Certificates | None = None) -> None:
        """Makes the cluster and starts it."""
        password = self._folder / "password"
        password.write_text(self.password)
        self._hand_over(password)
        options = ("-U", "app", "-A", "scram-sha-256", "--no-sync", f"--pwfile={password}")
        command = [*self._as_user, find("initdb", apt="postgresql"), "-D", self._data, *options]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, cwd=self._folder)
        (self._data / "pg_hba.conf").write_text(_LOGIN_RULES.format(kind="hostssl" if certificates else "host"))
        if certificates:
            self._present(certificates)
            self._settings += ("ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key")
        await self.start_again()

    async def start_again(self) -> None:
        """Starts it on what it had when it was killed; what is left of its last run may first have to end."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self._process = self._run()
            try:
                await self._process.ready(self._answers)
            except StartFailedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    def _run(self) -> Process:
        command = [
            *self._as_user,
            *(find("postgres", apt="postgresql"), "-D", self._data, "-p", str(self.port), "-k", self._folder),
            *(part for setting in self._settings for part in ("-c", setting)),
        ]
        return Process("postgres", command, log=self.log, cwd=self._folder)

    def present(self, certificates: Certificates) -> None:
        """Shows another certificate to whoever connects a moment later."""
        assert self._process
        self._present(certificates)
        os.kill(self._process.pid, signal.SIGHUP)

    async def kill(self) -> None:
        """Ends it."""
        if self._process:
            await self._process.kill()

    def _present(self, certificates: Certificates) -> None:
        for source, name in ((certificates.certificate, "server.pem"), (certificates.key, "server.key")):
            file = self._data / name
            file.write_bytes(source.read_bytes())
            file.chmod(0o600)
            self._hand_over(file)

    def _hand_over(self, file: Path) -> None:
        if self._as_user:
            shutil.chown(file, _USER)

    async def _answers(self) -> bool:
        assert self._process
        return "ready to accept connections" in self._process.output()


@asynccontextmanager
async def postgres_server(
    certificates: Certificates | None = None, folder: Path | None = None
) -> AsyncIterator[PostgresServer]:
    """A running server, in a folder that any user may enter; without PostgreSQL the test is skipped, but in CI."""
    # Its user cannot enter pytest's own temporary folders.
    folder = Path(tempfile.mkdtemp(prefix="nightshift-postgres-", dir=folder))
    try:
        server = PostgresServer(folder)
        with needing_programs():
            await server.start(certificates)
        try:
            yield server
        finally:
            await server.kill()
    finally:
        shutil.rmtree(folder)

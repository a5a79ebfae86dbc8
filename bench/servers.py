"""Redis and PostgreSQL for the peers, from programs on this machine, in a temporary folder, on loopback."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from nightshift.embedded.processes.binaries import ProgramMissingError
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.processes.process import StartFailedError


def find(name: str, *, apt: str) -> str:
    """The path of a program, also where Debian hides it."""
    hidden = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or (str(hidden[0]) if hidden else None)
    if found is None:
        raise ProgramMissingError(f"{name} is not on this machine: apt-get install {apt}")
    return found


class Redis:
    """A Redis that writes its log of commands to the disk every second, as it ships with `appendonly yes`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (self.port,) = free_ports(1)
        command = [find("redis-server", apt="redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(folder), "--appendonly", "yes", "--save", "", "--daemonize", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _wait(lambda: _open(self.port))

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(10)


class Postgres:
    """A PostgreSQL as it ships: every commit reaches the disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (port,) = free_ports(1)
        self._as = {"user": "postgres"} if os.geteuid() == 0 else {}
        if self._as:
            for place in (folder, *folder.parents[:1]):
                place.chmod(0o755)
            shutil.chown(folder, "postgres")
        data = str(folder / "data")
        initdb = [find("initdb", apt="postgresql"), "-D", data, "-U", "postgres", "-A", "trust"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **self._as)  # type: ignore[call-overload]
        command = [find("postgres", apt="postgresql"), "-D", data, "-p", str(port), "-k", str(folder)]
        command += ["-c", "listen_addresses=127.0.0.1"]
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **self._as
        )
        ready = [find("pg_isready", apt="postgresql"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        _wait(lambda: subprocess.run(ready, check=False).returncode == 0)
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)


def _open(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise StartFailedError("a server did not start")
        time.sleep(0.05)

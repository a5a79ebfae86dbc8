"""The object store of the embedded stack: SeaweedFS' `weed mini`, used by the S3 protocol."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

from nightshift.embedded.processes import binaries
from nightshift.embedded.processes.ports import LOOPBACK, free_ports, is_free
from nightshift.embedded.servers.server import Server

_SOCKETS = Path("/tmp")  # noqa: S108 - the program's own choice
"""Where it makes sockets, whatever TMPDIR says; most have no option."""
_GRPC_OFFSET = 10_000
"""The admin part is reached by its own worker at its port plus this, whatever its options say."""

_PARTS = tuple(f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc"))
_SETTINGS = (
    f"-ip={LOOPBACK}",
    f"-ip.bind={LOOPBACK}",  # it listens on all interfaces otherwise
    "-master.telemetry=false",
    # Resumed state makes the first heartbeat of the volumes fail now and then, and the second comes 5 seconds later.
    "-master.resumeState=false",
    "-webdav=false",
    "-admin.ui=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",  # a wrong bucket name is an error, as on other S3 servers
    "-volume.preStopSeconds=0",
)


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate for localhost with its key, and the authority that clients trust."""

    certificate: Path
    key: Path
    ca_file: Path


class ObjectServer(Server):
    """A SeaweedFS whose S3 server requires the keys stored in this folder.

    The filer behind it demands tokens that nobody has. SeaweedFS' inner ports, on loopback as well, are open to other
    users of the machine.
    """

    name = "weed"
    ports_needed = len(_PARTS)

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        tls: Tls | None = None,
        identities: Sequence[Mapping[str, object]] = (),
    ) -> None:
        super().__init__(folder, log=log)
        self.tls = tls
        self._identities = identities
        """More keys than the stack's own, as SeaweedFS' `s3.json` has them."""
        self.access_key, self.secret_key = _keys(self._key_file)

    @property
    def endpoint(self) -> str:
        """Address of the S3 protocol."""
        return f"https://localhost:{self.port}" if self.tls else f"http://{self.address}"

    async def stop(self, *, grace_seconds: float | None = None) -> None:
        """Stop it gracefully, and remove the sockets that it leaves in /tmp."""
        await super().stop(grace_seconds=grace_seconds)
        self._remove_sockets()

    async def kill(self) -> None:
        """Kill it, and remove the sockets that it leaves in /tmp."""
        await super().kill()
        self._remove_sockets()

    @property
    def _key_file(self) -> Path:
        return self.folder / "s3.json"

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"

    def _environment(self) -> dict[str, str]:
        """Keep its detailed logs out of /tmp, and keep it from reading a configuration in the user's home."""
        return {"TMPDIR": str(self._temporary), "HOME": str(self.folder)}

    def _command(self, ports: Sequence[int]) -> list[str | Path]:
        remove_dead_sockets()
        data = self.folder / "data"
        for folder in (data, self._temporary):
            folder.mkdir(exist_ok=True)
        (data / "mini.options").unlink(missing_ok=True)  # the options of earlier runs: ours are complete
        _write_keys(self._key_file, self.access_key, self.secret_key, self._identities)
        _lock_filer(self.folder)
        chosen = [f"-{part}={port}" for part, port in zip(_PARTS, ports, strict=True)]
        if self.tls:
            chosen += [f"-s3.cert.file={self.tls.certificate}", f"-s3.key.file={self.tls.key}"]
        return [binaries.weed(), "mini", f"-dir={data}", f"-s3.config={self._key_file}", *_SETTINGS, *chosen]

    def _choose_ports(self) -> list[int]:
        (admin,) = free_ports(1, accept=lambda port: is_free(port) and is_free(port + _GRPC_OFFSET))
        others = [port for port in free_ports(self.ports_needed) if port not in (admin, admin + _GRPC_OFFSET)]
        return [*others[: self.ports_needed - 2], admin, admin + _GRPC_OFFSET]

    async def _answers(self) -> bool:
        return await asyncio.to_thread(self._is_ready)

    def _is_ready(self) -> bool:
        """Return whether our own server, which has our keys, answers and has volumes to store objects in."""
        ports = dict(zip(_PARTS, self._ports, strict=True))
        trusted = str(self.tls.ca_file) if self.tls else None
        with urllib3.PoolManager(timeout=2, retries=False, ca_certs=trusted) as pool:
            scheme, _, address = self.endpoint.partition("://")
            client = Minio(
                address,
                self.access_key,
                self.secret_key,
                secure=scheme == "https",
                region="us-east-1",
                http_client=pool,
            )
            try:
                client.list_buckets()
                topology = pool.request("GET", f"http://{LOOPBACK}:{ports['master.port']}/dir/status").data
            except (MinioException, urllib3.exceptions.HTTPError):
                return False
        return f"{LOOPBACK}:{ports['volume.port']}".encode() in topology

    def _remove_sockets(self) -> None:
        for port in self._ports:
            for path in _SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)


def remove_dead_sockets(folder: Path = _SOCKETS, *, older_than_seconds: float = 60.0) -> None:
    """Remove the sockets of servers that ended with a process that was killed, and could not remove them.

    A young one may belong to a server that does not listen yet.
    """
    for path in folder.glob("seaweedfs-*.sock"):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            found = path.lstat()
            is_ours = stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()
            if is_ours and time.time() - found.st_mtime > older_than_seconds and _is_dead(path):
                path.unlink()


def _is_dead(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return True
        return False


def _keys(file: Path) -> tuple[str, str]:
    """Return the keys of earlier runs in this folder, else new ones."""
    try:
        credentials = json.loads(file.read_text())["identities"][0]["credentials"][0]
        return credentials["accessKey"], credentials["secretKey"]
    except (OSError, ValueError, LookupError):
        return f"nightshift-{secrets.token_hex(4)}", secrets.token_urlsafe(24)


def _lock_filer(home: Path) -> None:
    """Demand tokens of whoever asks the filer, which would show and take files without any; S3 does not go that way."""
    file = home / ".seaweedfs" / "security.toml"
    file.parent.mkdir(exist_ok=True)
    file.touch(mode=0o600)
    keys = (("jwt.filer_signing", secrets.token_urlsafe(24)), ("jwt.filer_signing.read", secrets.token_urlsafe(24)))
    file.write_text("".join(f'[{table}]\nkey = "{key}"\n' for table, key in keys))


def _write_keys(file: Path, access_key: str, secret_key: str, others: Sequence[Mapping[str, object]]) -> None:
    identity = {
        "name": "nightshift",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps({"identities": [identity, *others]}))

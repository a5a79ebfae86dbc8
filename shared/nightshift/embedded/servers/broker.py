"""The broker of the embedded stack: nats-server with JetStream on loopback."""

import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from nightshift.embedded.processes import binaries
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.server import Server

if sys.platform == "linux":
    import resource

GIGABYTE = 1024**3

_CONFIG = """\
# Written at every start of the embedded stack: changes here are lost.
server_name: {name}
listen: "{host}:{port}"
http: "{host}:{monitoring}"
max_payload: 1MB
jetstream {{
  store_dir: {store}
  # Without this a publish is acknowledged before it has reached the disk.
  sync_interval: always
  max_file_store: {max_file_store}
  # By default fifty batches that somebody left open block everybody's batches on that stream for ten seconds.
  limits {{ batch {{ max_inflight_per_stream: 200, max_inflight_total: 2000, timeout: "2s" }} }}
}}
{extra}
"""


class Broker(Server):
    """A nats-server of its own.

    `max_file_store` is the disk limit of JetStream in bytes: small ones let a test reach it. At `max_memory`, in bytes
    and many times what it needs, it ends (on Linux): without, nats-server 2.15 takes all that the machine has when
    something else has filled the disk and an empty stream cannot store its first message. `extra` is appended to the
    configuration (accounts, permissions, …).
    """

    name = "nats-server"
    ports_needed = 2

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        max_file_store: int = 20 * GIGABYTE,
        max_memory: int = 4 * GIGABYTE,
        extra: str = "",
    ) -> None:
        super().__init__(folder, log=log)
        self.max_file_store = max_file_store
        self.max_memory = max_memory
        self.extra = extra
        self.server_name = f"nightshift-{secrets.token_hex(4)}"

    @property
    def url(self) -> str:
        """The address that clients connect to."""
        return f"nats://{self.address}"

    @property
    def monitoring_url(self) -> str:
        """Root of the monitoring endpoints (/jsz, /varz, /healthz …)."""
        self.process  # noqa: B018 - raises when there was no start
        return f"http://{LOOPBACK}:{self._ports[1]}"

    async def _start_on(self, ports: Sequence[int]) -> None:
        await super()._start_on(ports)
        if sys.platform == "linux":
            resource.prlimit(self.process.pid, resource.RLIMIT_DATA, (self.max_memory, self.max_memory))

    def _command(self, ports: Sequence[int]) -> list[str | Path]:
        config = self.folder / "nats.conf"
        config.write_text(
            _CONFIG.format(
                name=self.server_name,
                host=LOOPBACK,
                port=ports[0],
                monitoring=ports[1],
                store=json.dumps(str(self.folder / "jetstream"), ensure_ascii=False),
                max_file_store=self.max_file_store,
                extra=self.extra,
            ),
            encoding="utf-8",
        )
        return [binaries.nats_server(), "--config", config]

    async def _answers(self) -> bool:
        # nats-server greets only when JetStream is up.
        return f'"{self.server_name}"' in await self._greeting()

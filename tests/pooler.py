"""A PgBouncer of the test's own, which lends a connection for one transaction at a time."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from sqlalchemy.engine import make_url

from bench.servers import find
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.processes.process import Process
from tests.servers import needing_programs

_USER = "postgres"
"""It refuses to run as root: the user that Debian's packages make."""


@asynccontextmanager
async def transaction_pooler(server: str, *, size: int, more: str = "") -> AsyncIterator[str]:
    """The URL of a pooler with so many connections to the server of this URL; `more` are lines of its settings."""
    address = make_url(server)
    (port,) = free_ports(1)
    folder = Path(tempfile.mkdtemp(prefix="nightshift-pooler-"))
    log, config = folder / "log" / "pgbouncer.log", folder / "pgbouncer.ini"
    config.write_text(
        f"""[databases]
* = host={address.host} port={address.port} user={address.username} password={address.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
server_tls_sslmode = prefer
{more}
"""
    )
    with needing_programs():
        command: list[str | Path] = [find("pgbouncer", apt="pgbouncer"), config]
        if os.geteuid() == 0:
            setpriv = find("setpriv", apt="util-linux")
            command = [setpriv, "--reuid", _USER, "--regid", _USER, "--clear-groups", "--pdeathsig", "KILL", *command]
            for path in (folder, config):
                shutil.chown(path, _USER)
    process = Process("pgbouncer", command, log=log, cwd=folder)
    try:
        await process.ready(partial(_answers, port))
        yield address.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    finally:
        await process.kill()
        shutil.rmtree(folder)


async def _answers(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True

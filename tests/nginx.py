"""Debian's nginx, with the lines that the documentation shows."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nightshift.embedded.processes.ports import LOOPBACK
from tests.harness import eventually
from tests.repository import ROOT
from tests.servers import absent, listens


def documented(page: str) -> str:
    """The lines for nginx that stand in a page of the documentation."""
    (lines,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    return str(lines)


@asynccontextmanager
async def nginx(folder: Path, port: int, lines: str) -> AsyncIterator[str]:
    """Run it on a port with these lines in its server block; yields its address."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or absent("nginx is not on this machine")
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\nserver {{ listen {LOOPBACK}:{port};\n{lines} }} }}\n"
    )
    process = await asyncio.create_subprocess_exec(program, "-p", folder, "-c", config)
    try:
        await eventually(lambda: listens(port), what="nginx listens")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.terminate()
        await process.wait()

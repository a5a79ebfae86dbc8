"""Whatever the gateway's own description allows or forbids: schemathesis tries it, and judges every answer."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.harness import Gateway

SCOPES = ("files:read", "files:write", "jobs:write", "jobs:read", "jobs:cancel")
EXAMPLES = 6
"""Of each operation and phase."""


JOBS = "^/v1/jobs/"
WHICH = {
    # Of a job that was taken back nothing is left, and whether it ever was, only reading its queue would tell.
    # The stream of a job that nobody works off does not end; `test_job_waiting` has one that does.
    "jobs": ("--include-path-regex", f"{JOBS}(?!.*/events$)", "--exclude-checks", "use_after_free"),
    "files and documents": ("--exclude-path-regex", f"{JOBS}|/events$"),
    # By themselves they have no files to follow: nobody processes any here, and their streams would not end.
    "events": ("--include-path-regex", "^/v1/files/.*/events$", "--phases", "coverage,fuzzing"),
}


@pytest.mark.parametrize("which", WHICH)
async def test_every_check_of_schemathesis_passes(door: Gateway, tmp_path: Path, which: str) -> None:
    """Right and wrong requests, one by one and one after the other as the links of the description say."""
    headers = await door.key(*SCOPES, user="ada", requestsPerSecond=100_000)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", f"{door.url}/openapi.json", "--header", f"Authorization: {headers['Authorization']}"),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color"),
        *("--request-timeout", "20", "--continue-on-failure", *WHICH[which]),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode()
    assert re.search(rb"[1-9]\d* generated, [1-9]\d* passed", output), output.decode()

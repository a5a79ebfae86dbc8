"""The service `probe` as a process of its own: `python -m tests.integration.worker.probe_service`."""

import asyncio
import contextlib
import os
import sys
import time

from nightshift import Job, Service
from tests.harness import RECORD, FollowProbe, RunProbe

probe = Service("probe")


@probe.handler
async def run_probe(message: RunProbe, job: Job) -> None:
    """Leaves an effect, after as many tenths of a second as the job says."""
    print("began", message.name, flush=True)  # noqa: T201 - what the test waits for
    if message.name == "blocks":
        time.sleep(message.number / 10)  # noqa: ASYNC251 - what a handler must not do
    while message.number < 0:  # it can be neither finished nor cancelled
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
    await asyncio.sleep(message.number / 10)
    job.write(RECORD, {"action": f"{message.name} {job.attempt}"})


@probe.handler
async def follow_probe(_: FollowProbe, _job: Job) -> None:
    """Does nothing."""


if __name__ == "__main__":
    os.environ["CONTRACTS_PACKAGE"] = "tests.harness"
    sys.exit(probe.run("python -m tests.integration.worker.probe_service"))

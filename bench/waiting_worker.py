"""A worker whose jobs take as long as they say, and return when they were over: `python -m bench.waiting_worker`."""

import asyncio
import sys
import time

from bench.worker import RunBench
from nightshift import Job, Service

bench = Service("bench")


@bench.handler
async def hold(message: RunBench, job: Job) -> None:
    """Take so many seconds; what is measured begins then, with the commit."""
    await asyncio.sleep(float(message.payload))
    job.result = {"at": time.time()}


if __name__ == "__main__":
    sys.exit(bench.run("python -m bench.waiting_worker"))

"""The service `probe` with a span of its handler's own: `python -m tests.integration.tracing.traced_service`."""

import os
import sys

from opentelemetry import trace

from nightshift.config.settings import Settings
from nightshift.messaging.job import Job
from nightshift.runtime.service import plain, run
from nightshift.worker.router import Handlers
from tests.harness import RECORD, FollowProbe, RunProbe


async def run_probe(message: RunProbe, job: Job) -> None:
    """Does its work within a span, as any program that knows OpenTelemetry."""
    with trace.get_tracer(__name__).start_as_current_span("look it up"):
        job.write(RECORD, {"action": message.name})


async def follow_probe(_: FollowProbe, _job: Job) -> None:
    """Does nothing."""


if __name__ == "__main__":
    os.environ["CONTRACTS_PACKAGE"] = "tests.harness"
    table: Handlers = {RunProbe: run_probe, FollowProbe: follow_probe}
    sys.exit(run("probe", Settings, lambda _settings, _chassis: plain(table)))

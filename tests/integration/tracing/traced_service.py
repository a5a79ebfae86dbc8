"""The service `probe` with a span of its handler's own: `python -m tests.integration.tracing.traced_service`."""

import os
import sys

from opentelemetry import trace

from nightshift import Job, Service
from tests.harness import RECORD, FollowProbe, RunProbe

probe = Service("probe")


@probe.handler
async def run_probe(message: RunProbe, job: Job) -> None:
    """Does its work within a span, as any program that knows OpenTelemetry."""
    with trace.get_tracer(__name__).start_as_current_span("look it up"):
        job.write(RECORD, {"action": message.name})


@probe.handler
async def follow_probe(_: FollowProbe, _job: Job) -> None:
    """Does nothing."""


if __name__ == "__main__":
    os.environ["CONTRACTS_PACKAGE"] = "tests.harness"
    sys.exit(probe.run("python -m tests.integration.tracing.traced_service"))

"""The service `probe`, or the scheduler, as a process under a saboteur, with its name as the only argument."""

import os
import sys

from nightshift import Job, Service
from nightshift.config.settings import Settings, load
from nightshift.observability.log import configure
from nightshift.outcomes import Unavailable
from nightshift.runtime.process import run_until_stopped
from nightshift.scheduler import app
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.service.running import serve_service
from tests.harness import FollowProbe, RunProbe
from tests.integration.runtime.sabotage import Saboteur

probe = Service("probe")


@probe.handler
async def run_probe(_: RunProbe, _job: Job) -> None:
    """Find the database unavailable, so that the circuit opens and it is probed."""
    raise Unavailable("database", "so says the handler")


@probe.handler
async def follow_probe(_: FollowProbe, _job: Job) -> None:
    """Do nothing."""


def main(name: str) -> int:
    """Run the process until it ends."""
    os.environ["CONTRACTS_PACKAGE"] = "tests.harness"
    configure(name, "json")
    if name == "scheduler":
        scheduler_settings = load(SchedulerSettings, os.environ)
        return run_until_stopped(lambda stop: app.serve(scheduler_settings, (), stop, supervision=Saboteur))
    settings = load(Settings, os.environ)
    return run_until_stopped(lambda stop: serve_service(probe, settings, stop, supervision=Saboteur))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

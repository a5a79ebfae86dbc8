"""The service `probe`, or the scheduler, as a process under a saboteur, with its name as the only argument."""

import os
import sys

from nightshift.config.settings import Settings, load
from nightshift.messaging.job import Job
from nightshift.observability.log import configure
from nightshift.outcomes import Unavailable
from nightshift.runtime import service
from nightshift.runtime.process import run_until_stopped
from nightshift.scheduler import app
from nightshift.scheduler.settings import SchedulerSettings
from tests.harness import FollowProbe, RunProbe
from tests.integration.runtime.sabotage import Saboteur


async def run_probe(_: RunProbe, _job: Job) -> None:
    """Find the database unavailable, so that the circuit opens and it is probed."""
    raise Unavailable("database", "so says the handler")


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
    handlers = service.plain({RunProbe: run_probe, FollowProbe: follow_probe})
    return run_until_stopped(
        lambda stop: service.serve(name, settings, lambda *_: handlers, stop, supervision=Saboteur)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

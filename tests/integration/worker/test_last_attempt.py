"""A handler knows how much time it has and whether it gets another attempt, so that it can record its end."""

from datetime import timedelta

import pytest

from nightshift.backoff import Retries
from nightshift.messaging.job import Job
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import route
from tests.harness import Handlers, RunProbe
from tests.integration.worker.conftest import Work


@pytest.mark.parametrize(
    ("route_overrides", "timeout"), [(False, timedelta(seconds=60)), (True, timedelta(seconds=20))]
)
async def test_the_routes_own_limits_count_where_it_has_some(
    work: Work,
    route_overrides: bool,  # noqa: FBT001 - a table
    timeout: timedelta,
) -> None:
    """Two attempts by the process's setting, or by the route: only the second one is the last."""
    seen: list[tuple[int, bool, timedelta | None]] = []

    async def fails(_: RunProbe, job: Job) -> None:
        seen.append((job.attempt, job.is_last_attempt, job.timeout))
        raise ConnectionError("the other side hung up")

    handlers: Handlers = {RunProbe: fails}
    limits = JobLimits(max_retries=1, timeout_seconds=60)
    if route_overrides:
        handlers = {RunProbe: route(RunProbe, fails, retries=Retries(most=2), timeout_seconds=20)}
        limits = JobLimits(timeout_seconds=60)
    async with work(handlers, limits=limits) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        await harness.dead_letters()
    assert seen == [(1, False, timeout), (2, True, timeout)]

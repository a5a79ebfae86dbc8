"""A worker whose spans are kept in memory."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from nightshift.embedded.servers.broker import Broker
from tests.harness import PATIENT, SOON, Harness, working
from tests.integration.tracing.recorded import Recorded

Work = Callable[..., AbstractAsyncContextManager[Harness]]


@pytest.fixture
def recorded() -> Recorded:
    """Where the spans of a test go."""
    return Recorded()


@pytest.fixture
def work(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path, recorded: Recorded) -> Work:
    """Make a traced worker of the test's handlers, without an object store; options as those of `working`."""
    policies = SOON if "soon" in request.fixturenames else PATIENT
    return partial(working, broker, None, tmp_path, tracing=recorded.spans, policies=policies)


@pytest.fixture
def soon() -> None:
    """Let the test's workers wait for a moment only."""

"""What the tests of the worker share: a worker with handlers of the test's own, and waits that take no time."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from nightshift.embedded.servers.broker import Broker
from tests.harness import PATIENT, SOON, Harness, working

Work = Callable[..., AbstractAsyncContextManager[Harness]]


@pytest.fixture
def work(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path) -> Work:
    """Make a worker of the test's handlers, without an object store; options as those of `working`."""
    policies = SOON if "soon" in request.fixturenames else PATIENT
    return partial(working, broker, None, tmp_path, policies=policies)


@pytest.fixture
def soon() -> None:
    """Let the test's workers wait for a moment only: how long the waits are is a rule of its own."""

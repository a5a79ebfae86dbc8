"""What the tests of the worker share: a worker with handlers of the test's own, and waits that take no time."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.worker import pipeline, settlement, worker
from tests.harness import Harness, working

Work = Callable[..., AbstractAsyncContextManager[Harness]]


@pytest.fixture
def work(broker: Broker, tmp_path: Path) -> Work:
    """Makes a worker of the test's handlers, without an object store; options as those of `working`."""
    return partial(working, broker, None, tmp_path)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again later is in a moment: how long the waits are is a rule of its own, tested without waiting."""

    def moment(*_: Any, **__: Any) -> timedelta:
        return timedelta(milliseconds=30)

    for module in (pipeline, settlement, worker):
        monkeypatch.setattr(module, "backoff", moment)
    monkeypatch.setattr("nightshift.worker.circuit_breaker.CircuitBreaker.delay", moment)
    monkeypatch.setattr("nightshift.worker.circuit_breaker._FIRST_PROBE_SECONDS", 0.1)

"""A worker whose spans are kept in memory."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.worker import pipeline, settlement
from tests.harness import Harness, working
from tests.integration.tracing.recorded import Recorded

Work = Callable[..., AbstractAsyncContextManager[Harness]]


@pytest.fixture
def recorded() -> Recorded:
    """Where the spans of a test go."""
    return Recorded()


@pytest.fixture
def work(broker: Broker, tmp_path: Path, recorded: Recorded) -> Work:
    """Makes a traced worker of the test's handlers, without an object store; options as those of `working`."""
    return partial(working, broker, None, tmp_path, spans=recorded.spans)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again later is in a moment."""

    def moment(*_: Any, **__: Any) -> timedelta:
        return timedelta(milliseconds=30)

    for module in (pipeline, settlement):
        monkeypatch.setattr(module, "backoff", moment)

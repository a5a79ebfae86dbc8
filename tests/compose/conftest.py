"""One running stack for all tests of this folder; each test leaves it healthy, the last one leaves nothing."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.compose.project import Project
from tests.servers import absent

Eventually = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    """Skips where there is no Docker Engine, except in CI."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:  # noqa: S603 - found on PATH
        absent("no Docker Engine answers: `docker info` says why")


@pytest.fixture(scope="session")
def stack(_engine: None) -> Iterator[Project]:
    """The whole stack, healthy."""
    project = Project()
    try:
        project.up("--build")
        yield project
    except AssertionError:
        print(project.compose("logs", "--no-color", "--tail", "10"))  # noqa: T201 - why it did not come up
        raise
    finally:
        project.remove()


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Waits until a condition holds and returns its value; fails with `what` at the deadline."""

    def wait(condition: Callable[[], Any], what: str, *, timeout_seconds: float = 60) -> Any:
        deadline = time.monotonic() + timeout_seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_seconds:g} s: {what}")
            time.sleep(0.3)
        return value

    return wait

"""What an application imports from `nightshift`, and what it need not have for that."""

import subprocess
import sys

import pytest

import nightshift

HEAVY = ("sqlalchemy", "alembic", "minio", "urllib3", "prometheus_client", "opentelemetry", "uvloop")
"""What only workers, schedulers or operators need."""


CONNECTING = """
import asyncio
from nightshift import connect, ProcessSettings, Publisher, Unavailable

async def main():
    try:
        await connect(ProcessSettings(nats_url="nats://127.0.0.1:1"), name="web", wait_seconds=0.2)
    except Unavailable:
        pass

asyncio.run(main())
"""


def _loaded_by(program: str) -> list[str]:
    """Return which of the heavy libraries a program has loaded at its end."""
    code = f"{program}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return done.stdout.split()


@pytest.mark.parametrize("name", nightshift.__all__)
def test_every_name_is_there(name: str) -> None:
    """Each is imported from its place, and listed by `dir`."""
    assert getattr(nightshift, name) is not None
    assert name in dir(nightshift)


def test_the_places_are_those_that_type_checkers_are_told_of() -> None:
    """A name cannot be one thing to mypy and another at run time: both lists have the same names."""
    assert {*nightshift._PLACES, "__version__"} == set(nightshift.__all__)


def test_a_name_that_is_none_is_an_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute 'Mesage'"):
        _ = nightshift.Mesage
    with pytest.raises(ImportError):
        exec("from nightshift import Mesage", {})  # noqa: S102 - what a user types


@pytest.mark.parametrize(
    "program",
    [
        "import nightshift",
        "from nightshift import Message, Job, Publisher",
        "from nightshift import connect, ProcessSettings, Entry, Receipt",
        "from nightshift import Permanent, Snooze, Skip, Unavailable, Retries",
        CONNECTING,
    ],
)
def test_publishing_loads_no_library_that_only_others_need(program: str) -> None:
    """Neither importing nor connecting does."""
    assert _loaded_by(program) == []

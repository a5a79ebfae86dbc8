"""The library as it is installed from its wheel, once per module."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.installed import Environment, build

Install = Callable[..., Environment]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source distribution, built offline."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def install(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Install the library with some extras: `install("worker", "postgres")`, and other distributions `besides`."""
    wheel, _ = built

    def with_extras(*wanted: str, besides: tuple[str, ...] = ()) -> Environment:
        return Environment(tmp_path_factory.mktemp("environment") / "venv", wheel, wanted, besides)

    return with_extras

"""The whole database suite on both databases: SQLite, and a PostgreSQL server in a container of its own."""

import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.compose.project import ROOT


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL server that is removed at the end."""
    # The library's own helper container would remove leftovers; here the context manager does.
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the library
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - reads the variable at import

        with PostgresContainer("postgres:17", driver=None) as server:
            yield server.get_connection_url(host="127.0.0.1")


def test_the_database_suite_passes_on_sqlite_and_postgresql(postgres_url: str) -> None:
    """Every test of it that asks for a database runs once on each."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rN", "-v", "-p", "no:cacheprovider", "tests/integration/database"],
        cwd=ROOT,
        env=os.environ | {"TEST_POSTGRES_URL": postgres_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    ran = Counter(re.findall(r"\[(?:.*-)?(sqlite|postgresql)(?:-.*)?\] PASSED", done.stdout))
    assert ran["postgresql"] >= ran["sqlite"] > 20, ran

"""What needs a database, on a PostgreSQL server of the stack's release in a container of its own."""

import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.compose.project import ROOT
from tests.databases import POSTGRES_VARIABLE


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


def suite(postgres_url: str, chosen: str, *folders: str) -> Counter[str]:
    """Runs tests that ask for a PostgreSQL server with this one at hand; returns how many passed on which database."""
    options = ("-rN", "-v", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", "-k", chosen)
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "pytest", *options, *folders],
        cwd=ROOT,
        env=os.environ | {POSTGRES_VARIABLE: postgres_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    passed = [line for line in done.stdout.splitlines() if " PASSED " in f"{line} "]
    return Counter(kind for line in passed for kind in re.findall(r"\[(?:.*-)?(sqlite|postgresql)\b", line))


def test_the_database_suite_passes_on_the_stacks_postgresql(postgres_url: str) -> None:
    """All of it but the cases on SQLite, which are part of `make test`."""
    ran = suite(postgres_url, "not sqlite", "tests/integration/database")
    assert ran["postgresql"] > 40, ran


def test_the_services_that_query_pass_on_postgresql(postgres_url: str) -> None:
    """Synchronisation, reports and cleanup, likewise."""
    folders = [f"tests/integration/services/{service}" for service in ("sync", "report", "maintenance")]
    ran = suite(postgres_url, "postgresql", *folders)
    assert ran["postgresql"] > 150, ran

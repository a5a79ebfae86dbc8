"""The mark `chaos`: `pytest -m chaos` runs the fault harness alone, `pytest -m "not chaos"` everything else."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", "chaos: runs the stack under faults, for up to two minutes")

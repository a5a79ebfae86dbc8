"""How the property tests run, and state of the process that tests must not leave behind."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from nightshift.config.redaction import PROCESS, Redactor

# A busy machine is no defect: an example that takes 300 ms there says nothing about the rule.
settings.register_profile("nightshift", deadline=None)
settings.load_profile("nightshift")


@pytest.fixture
def process_secrets() -> Iterator[Redactor]:
    """The secrets of the process: none at first, and as before when the test is over."""
    known, PROCESS._known = PROCESS._known, ()
    yield PROCESS
    PROCESS._known = known

"""Tracing in the compose stack and on Kubernetes: how the variable gets to the processes."""

from typing import Any

import pytest
import yaml

from nightshift.config.settings import variables
from services.email.settings import EmailSettings
from tests.repository import ROOT, SERVICES

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PAGES = ("docs/operations.md", "docs/compose.md", "deploy/kubernetes/settings.env", "README.md")
VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize("service", [*SERVICES, "operator"])
def test_compose_passes_the_variables_through(service: str) -> None:
    """Those that are set, and only then: one that is empty would be a wrong value to the library."""
    environment = COMPOSE["services"][service]["environment"]
    passed = {name for name, value in environment.items() if value is None}
    assert {VARIABLE, "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"} <= passed


def test_the_variable_of_the_documents_is_the_settings() -> None:
    """By its name."""
    assert VARIABLE in {variable.name for variable in variables(EmailSettings)}
    assert all(VARIABLE in (ROOT / page).read_text(encoding="utf-8") for page in PAGES)

"""The compose file and Prometheus' configuration know every service."""

import re
from typing import Any

import pytest
import yaml

from nightshift.config.settings import variables
from nightshift.console.settings import ConsoleSettings
from tests.repository import ROOT, SERVICES

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_with_credentials_of_its_own(service: str) -> None:
    """Its command, its folder of credentials and no other, which is made before it starts."""
    declared = COMPOSE["services"][service]
    assert declared["command"] == f"services.{service}"
    credentials = [volume for volume in declared["volumes"] if volume.startswith("credentials-")]
    assert credentials == [f"credentials-{service}:/run/credentials:ro"]
    assert f"credentials-{service}:/volumes/credentials/{service}" in COMPOSE["services"]["credentials"]["volumes"]
    assert f"credentials-{service}" in COMPOSE["volumes"]


def test_every_service_is_scraped() -> None:
    """Each service's name is among those that are looked up."""
    (services,) = [job for job in PROMETHEUS["scrape_configs"] if job["job_name"] == "services"]
    assert sorted(services["dns_sd_configs"][0]["names"]) == SERVICES


def test_a_backup_has_every_volume_but_those_that_can_be_made_anew() -> None:
    """A new volume is copied, or named here."""
    passing = {"scratch", "spool", "prometheus", "alertmanager", "grafana"}
    copied = {volume.partition(":")[0] for volume in COMPOSE["services"]["backup"]["volumes"] if ":/stack/" in volume}
    assert copied == set(COMPOSE["volumes"]) - passing


def test_whoever_runs_the_stack_sets_in_its_environment_how_people_sign_in_to_the_console() -> None:
    """Every way that the documents name is passed through, and nothing that the console does not know."""
    declared = COMPOSE["services"]["console"]["environment"]
    passed = {name for name, value in declared.items() if name.startswith("CONSOLE_") and value is None}
    settings = variables(ConsoleSettings)
    known = {one.name for one in settings} | {f"{one.name}_FILE" for one in settings if one.secret}
    assert passed <= known
    ways = {name for name in known if name.startswith(("CONSOLE_OIDC", "CONSOLE_PROXY", "CONSOLE_TRUSTED"))}
    assert ways <= passed


def test_with_stores_of_ones_own_people_sign_in_to_the_console_in_the_same_ways() -> None:
    """That file adds to the console's environment; it takes nothing away, and sets nothing of how people sign in."""
    text = (ROOT / "docker-compose.production.yml").read_text(encoding="utf-8")
    assert "!override" not in text
    # What it takes away (`!reset`) is a tag that only compose knows.
    production = yaml.safe_load(text.replace("!reset ", ""))
    added = production["services"]["console"]["environment"]
    assert not [name for name in added if name.startswith("CONSOLE_") or added[name] is None]


def test_the_console_can_read_the_files_of_secrets_that_the_documents_name() -> None:
    """Each lies in a folder that its container has: of its credentials on compose, of its users on Kubernetes."""
    page = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
    named = set(re.findall(r"CONSOLE_OIDC_CLIENT_SECRET_FILE=(/[\w/-]+)", page))
    folders = {volume.split(":")[1] for volume in COMPOSE["services"]["console"]["volumes"]}
    (pod,) = [
        one["spec"]["template"]["spec"]["containers"][0]
        for one in yaml.safe_load_all((ROOT / "deploy/kubernetes/console.yaml").read_text(encoding="utf-8"))
        if one["kind"] == "Deployment"
    ]
    folders |= {mount["mountPath"] for mount in pod["volumeMounts"]}
    assert {"/run/credentials/oidc-client-secret", "/run/users/oidc-client-secret"} == named
    assert {file.rpartition("/")[0] for file in named} <= folders

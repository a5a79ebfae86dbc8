"""Prometheus with the shipped configuration against the running stack, and every query of the dashboard against it."""

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import ROOT, Project, run
from tests.integration.cli.expressions import ALERTS
from tests.repository import SERVICES
from tests.servers import absent

CONFIGURATION = ROOT / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "nightshift.json").read_text(encoding="utf-8"))
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
}


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    """Skips where Prometheus is not installed, except in CI."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        absent("prometheus and promtool are missing: apt-get install prometheus")


@pytest.fixture(scope="module")
def prometheus(stack: Project) -> Iterator[Project]:
    """The stack with Prometheus, after some work."""
    stack.compose("up", "-d", "--wait", "--no-recreate", "exporter", "prometheus")
    work.publish(stack, "email.send", [work.mail("metrics@example.com")] * 20)
    yield stack
    stack.compose("rm", "--stop", "--force", "exporter", "prometheus")


def ask(stack: Project, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers to an instant query."""
    address = f"http://127.0.0.1:{stack.prometheus_port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    return list(found["data"]["result"])


def test_the_configuration_and_the_alerts_are_valid() -> None:
    """Prometheus' own tool says so."""
    assert f"{len(ALERTS)} rules found" in run(["promtool", "check", "config", str(CONFIGURATION)])


def test_the_alerts_fire_when_they_should() -> None:
    """Series that rise and fall, and what is to be said about them: `tests/compose/alerts*.test.yml`."""
    files = sorted(str(file) for file in (ROOT / "tests" / "compose").glob("alerts*.test.yml"))
    assert run(["promtool", "test", "rules", *files]).count("SUCCESS") == len(files) > 0


def test_every_replica_is_found_and_answers(prometheus: Project, eventually: Eventually) -> None:
    """Two schedulers are two targets; all are up, and so is what the broker says."""
    up = 'sum by (job, service) (up{job=~"services|broker"})'
    wanted = {("services", name): 2 if name == "scheduler" else 1 for name in SERVICES} | {("broker", ""): 1}

    def seen() -> bool:
        found = {(r["metric"]["job"], r["metric"].get("service", "")): int(r["value"][1]) for r in ask(prometheus, up)}
        return found == wanted

    eventually(seen, f"targets are up: {wanted}")


@pytest.mark.parametrize("name", QUERIES)
def test_every_panel_of_the_dashboard_shows_something(prometheus: Project, eventually: Eventually, name: str) -> None:
    """Its query is right and the metrics that it names exist."""
    eventually(lambda: ask(prometheus, QUERIES[name]), f"an answer to {QUERIES[name]}", timeout_seconds=90)


def test_the_numbers_are_right(prometheus: Project, eventually: Eventually) -> None:
    """Twenty mails are twenty jobs done; nothing waits then."""
    done = 'sum(nightshift_jobs_total{type="email.send",outcome="done"})'
    eventually(lambda: any(float(r["value"][1]) >= 20 for r in ask(prometheus, done)), "20 jobs are counted")
    (waiting,) = ask(prometheus, 'nightshift_consumer_pending{stream="EMAIL",consumer="email"}')
    assert waiting["value"][1] == "0"


def test_every_alert_can_be_evaluated(prometheus: Project) -> None:
    """No rule is in error."""
    with urllib.request.urlopen(f"http://127.0.0.1:{prometheus.prometheus_port}/api/v1/rules", timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(ALERTS)
    assert [rule for rule in rules if rule["health"] == "err"] == []
    assert all(rule["annotations"]["runbook"] for rule in rules)

"""Each alert has a case in which it fires, and is on the page for the person on call."""

from typing import Any

import pytest
import yaml

from tests.integration.cli.expressions import ALERTS
from tests.repository import ROOT

FILES = sorted((ROOT / "tests" / "compose").glob("alerts*.test.yml"))
CASES: list[dict[str, Any]] = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES]
FIRED = {
    expected["alertname"]
    for file in CASES
    for case in file["tests"]
    for expected in case["alert_rule_test"]
    if expected.get("exp_alerts")
}
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_fires_in_a_case(name: str) -> None:
    """`promtool test rules` runs them: tests/compose/test_observability.py."""
    assert name in FIRED


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_on_the_page_with_its_severity_and_its_section(name: str) -> None:
    """In the table of alerts."""
    rule = ALERTS[name]
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    assert f"| {rule['labels']['severity']} |" in row
    assert f"(#{rule['annotations']['page'].partition('#')[2]})" in row

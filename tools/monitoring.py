"""Alerts and dashboard of the compose stack as manifests for Kubernetes."""

from pathlib import Path
from typing import Any

import yaml


def alerts(root: Path) -> dict[str, Any]:
    """Return the alerts of the compose stack, for Prometheus' operator."""
    groups = yaml.safe_load((root / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    metadata = _named("alerts")
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata,
        "spec": {"groups": groups},
    }


def dashboard(root: Path) -> dict[str, Any]:
    """Return the dashboard, with the label by which Grafana's chart finds dashboards."""
    file = root / "deploy" / "grafana" / "dashboards" / "nightshift.json"
    metadata = _named("dashboard")
    metadata["labels"]["grafana_dashboard"] = "1"
    data = {file.name: file.read_text(encoding="utf-8")}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "nightshift"}}

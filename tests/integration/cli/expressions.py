"""Reads what PromQL expressions name: metrics, the labels and values they pick, the labels they group by."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.repository import ROOT

ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
_DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))

OF_PROMETHEUS = frozenset({"job", "instance", "service"})
"""Labels that the scrape adds: `deploy/prometheus/prometheus.yml`."""
_SELECTOR = re.compile(r"\b(nightshift_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_MADE = re.compile(r'label_replace\(.*?,\s*"(\w+)",')
_IN_TEXT = re.compile(r"\$labels\.(\w+)")


@dataclass(frozen=True)
class Picked:
    """A metric as an expression names it, with the matchers on its labels: name, operator, value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Expression:
    """What one expression names."""

    picked: tuple[Picked, ...]
    grouped: frozenset[str]
    made: frozenset[str]


def read(text: str, *words: str) -> Expression:
    """Reads an expression, and the labels that the words of its alert show."""
    picked = tuple(Picked(found[1], tuple(_MATCHER.findall(found[2] or ""))) for found in _SELECTOR.finditer(text))
    grouped = {label.strip() for group in _GROUPING.findall(text) for label in group.split(",") if label.strip()}
    shown = {label for word in words for label in _IN_TEXT.findall(word)}
    return Expression(picked, frozenset(grouped | shown), frozenset(_MADE.findall(text)))


def expressions() -> dict[str, Expression]:
    """Every expression of the alerts and the dashboards, by the name of its alert or panel."""
    alerts = {name: read(rule["expr"], *rule["annotations"].values()) for name, rule in ALERTS.items()}
    return alerts | {name: read(text) for name, text in _panels()}


def _panels() -> Iterator[tuple[str, str]]:
    for file in _DASHBOARDS:
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", []):
                yield f"{panel['title']} {target['refId']}", target["expr"]

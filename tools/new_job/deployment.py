"""Adds a service that did not exist to what deploys them: compose, Prometheus, Kubernetes."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMPOSE, PROMETHEUS = "docker-compose.yml", "deploy/prometheus/prometheus.yml"
KUBERNETES = "deploy/kubernetes"


@dataclass(frozen=True, slots=True)
class Addition:
    """A text that goes in front of another one, the anchor: of the first that stands behind `after`."""

    path: str
    text: str
    anchor: str
    after: str = ""


def additions(service: str) -> list[Addition]:
    """What is to be added for a service, each in front of what is there for the scheduler."""
    block = (
        f"  {service}:\n    <<: *service\n    command: services.{service}\n"
        f'    volumes: ["credentials-{service}:/run/credentials:ro"]\n'
    )
    mount = f"      - credentials-{service}:/volumes/credentials/{service}\n"
    return [
        Addition(COMPOSE, block, "  scheduler:\n    <<: *service\n"),
        Addition(COMPOSE, mount, "      - credentials-scheduler:/volumes"),
        Addition(COMPOSE, f"  credentials-{service}:\n", "  credentials-scheduler:\n", after="\nvolumes:\n"),
        Addition(PROMETHEUS, f"{service}, ", "scheduler]"),
        Addition(f"{KUBERNETES}/kustomization.yaml", f"  - {service}.yaml\n", "  - scheduler.yaml\n"),
        Addition(f"{KUBERNETES}/README.md", f"{service} ", "provision; do", after="for folder in "),
        Addition(f"{KUBERNETES}/README.md", f"{service} ", "scheduler provision; do", after="for user in "),
    ]


def deploy(root: Path, service: str) -> tuple[list[str], list[str]]:
    """Adds it everywhere, and generates its manifests; returns the same as `add`."""
    changed, left = add(root, service)
    # A process of its own: this one has loaded the contracts as they were.
    subprocess.run([sys.executable, "-m", "tools.kubernetes"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return [*changed, f"{KUBERNETES}/{service}.yaml"], left


def add(root: Path, service: str) -> tuple[list[str], list[str]]:
    """Adds it where the services are listed; returns the files that were changed, and what is to be added by hand."""
    changed, left = list[str](), list[str]()
    for addition in additions(service):
        if _add(root / addition.path, addition):
            changed.append(addition.path)
        else:
            left.append(f"Add to {addition.path}, as it is there for the other services:\n{addition.text.rstrip()}")
    return list(dict.fromkeys(changed)), left


def _add(path: Path, addition: Addition) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    before, after, rest = text.partition(addition.after) if addition.after else ("", "", text)
    if addition.anchor not in rest:
        return False
    path.write_text(
        before + after + rest.replace(addition.anchor, addition.text + addition.anchor, 1), encoding="utf-8"
    )
    return True

"""Add a new service to the deployments: compose, Prometheus, Kubernetes."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMPOSE, PROMETHEUS = "docker-compose.yml", "deploy/prometheus/prometheus.yml"
ACCESS = "schema/access.py"
KUBERNETES = "deploy/kubernetes"
EXAMPLE = {"activity_logs": ("SELECT", "INSERT"), "users": ("SELECT",)}
"""What the handler that a new job begins with, and that of the README's guide, do to which table."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A text to be inserted before another one, the anchor: its first occurrence after the text `after`."""

    path: str
    text: str
    anchor: str
    after: str = ""


def additions(service: str) -> list[Addition]:
    """Return the additions for a service, each before the one for the scheduler."""
    example = ", ".join(f'"{table}": "{", ".join(actions)}"' for table, actions in EXAMPLE.items())
    block = (
        f"  {service}:\n    <<: *service\n    command: services.{service}\n"
        f"    environment: {{<<: *settings, S3_ACCESS_KEY: {service}}}\n"
        f'    volumes: ["credentials-{service}:/run/credentials:ro"]\n'
    )
    backup = f"      - credentials-{service}:/stack/credentials-{service}:nocopy\n"
    mount = f"      - credentials-{service}:/volumes/credentials/{service}\n"
    return [
        Addition(COMPOSE, block, "  scheduler:\n    <<: *service\n"),
        Addition(COMPOSE, mount, "      - credentials-scheduler:/volumes"),
        Addition(COMPOSE, backup, "      - credentials-scheduler:/stack"),
        Addition(COMPOSE, f"  credentials-{service}:\n", "  credentials-scheduler:\n", after="\nvolumes:\n"),
        Addition(PROMETHEUS, f"{service}, ", "scheduler]"),
        Addition(ACCESS, f'    "{service}": {{**WORKER, {example}}},\n', '    "scheduler": {},\n'),
        Addition(ACCESS, f'    "{service}": ObjectAccess.of_worker(),\n', '    "scheduler": ObjectAccess(),\n'),
        Addition(f"{KUBERNETES}/kustomization.yaml", f"  - {service}.yaml\n", "  - scheduler.yaml\n"),
        Addition(f"{KUBERNETES}/README.md", f"{service} ", "provision; do", after="for folder in "),
        Addition(f"{KUBERNETES}/README.md", f"{service} ", "scheduler provision; do", after="for user in "),
    ]


def taken(root: Path, service: str) -> list[str]:
    """Return where something that is no service, such as a server of the stack, has this name already."""
    compose = root / COMPOSE
    in_compose = compose.exists() and f"\n  {service}:\n" in compose.read_text(encoding="utf-8")
    manifest = f"{KUBERNETES}/{service}.yaml"
    return [*([COMPOSE] if in_compose else []), *([manifest] if (root / manifest).exists() else [])]


def deploy(root: Path, service: str) -> tuple[list[str], list[str]]:
    """Add it everywhere, and generate its manifests; return the same as `add`."""
    changed, left = add(root, service)
    # In a process of its own: this one has loaded the contracts as they were.
    for tool in ("tools.kubernetes", "tools.permissions"):
        subprocess.run([sys.executable, "-m", tool], cwd=root, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return [*changed, f"{KUBERNETES}/{service}.yaml"], left


def add(root: Path, service: str) -> tuple[list[str], list[str]]:
    """Add it to the lists of services; return the files that were changed, and what has to be added by hand."""
    changed, left = list[str](), list[str]()
    for addition in additions(service):
        if _add(root / addition.path, addition):
            changed.append(addition.path)
        else:
            left.append(f"Add to {addition.path}, as for the other services:\n{addition.text.rstrip()}")
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

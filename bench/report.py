"""Writes what was measured: a table in Markdown, the numbers in JSON, a plot."""

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.peers.roster import Peer

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass
class Measured:
    """What a peer did, round by round."""

    peer: Peer
    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    error: str = ""


def write(measured: list[Measured], folder: Path, *, peers_bin: Path) -> str:
    """Writes `comparison.md`, `comparison.json` and `comparison.svg`; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(entry, peers_bin) for entry in measured if entry.rates]
    machine = _machine()
    (folder / "comparison.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1), encoding="utf-8")
    table = _table(machine, rows)
    (folder / "comparison.md").write_text(table, encoding="utf-8")
    (folder / "comparison.svg").write_text(_plot(rows), encoding="utf-8")
    return table


def write_figures(name: str, how: str, rows: dict[str, str], folder: Path = RESULTS) -> str:
    """Writes `<name>.md` with one figure a line; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{how[:1].upper()}{how[1:]}. {_machine()}.", "", "| what | measured |", "|---|---|"]
    table = "\n".join([*lines, *(f"| {title} | {figure} |" for title, figure in rows.items()), ""])
    (folder / f"{name}.md").write_text(table, encoding="utf-8")
    return table


def _row(entry: Measured, peers_bin: Path) -> dict[str, Any]:
    return {
        "name": entry.peer.name,
        "jobs_per_second": statistics.median(entry.rates),
        "spread": [min(entry.rates), max(entry.rates)],
        "p50_ms": statistics.median(entry.p50_ms) if entry.p50_ms else None,
        "p99_ms": statistics.median(entry.p99_ms) if entry.p99_ms else None,
        "durability": entry.peer.durability,
        "versions": _versions(entry.peer.packages, peers_bin, own=entry.peer.own),
    }


def _versions(packages: tuple[str, ...], peers_bin: Path, *, own: bool) -> str:
    if not packages:
        return "this tree"
    program = "import sys, importlib.metadata as m; print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))"
    python = sys.executable if own else str(peers_bin / "python")
    found = subprocess.run([python, "-c", program, *packages], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _table(machine: str, rows: list[dict[str, Any]]) -> str:
    lines = [
        f"One worker process each, a no-op job of about 200 bytes; medians of interleaved rounds. {machine}.",
        "",
        "| job queue | jobs/s | spread | p50 at 100/s | p99 at 100/s | durability | version |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for row in sorted(rows, key=lambda row: -float(row["jobs_per_second"])):
        low, high = row["spread"]
        p50, p99 = (f"{row[name]:.1f} ms" if row[name] is not None else "" for name in ("p50_ms", "p99_ms"))
        rate = f"{row['jobs_per_second']:,.0f} | {low:,.0f}–{high:,.0f}"
        lines.append(f"| {row['name']} | {rate} | {p50} | {p99} | {row['durability']} | {row['versions']} |")
    return "\n".join([*lines, ""])


def _plot(rows: list[dict[str, Any]]) -> str:
    ordered = sorted(rows, key=lambda row: -float(row["jobs_per_second"]))
    top = max(float(row["jobs_per_second"]) for row in ordered)
    height, parts = 28 * len(ordered) + 30, []
    for number, row in enumerate(ordered):
        y, width = 20 + 28 * number, 420 * float(row["jobs_per_second"]) / top
        colour = "#2563eb" if row["name"].startswith("nightshift") else "#94a3b8"
        parts.append(f'<text x="340" y="{y + 14}" text-anchor="end">{row["name"]}</text>')
        parts.append(f'<rect x="348" y="{y}" width="{width:.1f}" height="20" rx="3" fill="{colour}"/>')
        parts.append(f'<text x="{354 + width:.1f}" y="{y + 14}">{row["jobs_per_second"]:,.0f}</text>')
    style = "font:13px system-ui,sans-serif;fill:#334155"
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" role="img" '
        f'aria-label="Jobs per second by job queue"><rect width="100%" height="100%" fill="#fff"/>'
        f'<g style="{style}">{body}</g></svg>\n'
    )


def _machine() -> str:
    where = f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}"
    return f"{where}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"

"""The README shows what was measured."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| ([^|]+?) \| ([\d,]+) \| ([\d.]+ ms|) ?\| ([\d.]+ ms|) ?\|$", re.MULTILINE)


def test_the_readmes_table_is_that_of_the_last_measurement() -> None:
    """Every row, to the digit: nobody improves a figure by hand."""
    measured = json.loads((ROOT / "bench/results/comparison.json").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## How fast")[2]
    shown = {name: (rate, p50, p99) for name, rate, p50, p99 in ROW.findall(readme)}
    assert shown == {
        row["name"]: (f"{row['jobs_per_second']:,.0f}", _milliseconds(row["p50_ms"]), _milliseconds(row["p99_ms"]))
        for row in measured["rows"]
    }
    assert measured["machine"] in readme.replace("\n", " ")


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"

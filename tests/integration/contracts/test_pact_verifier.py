"""The pacts, verified by Pact's own program: it finds what our reader of the same files finds."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contract.broken_pacts import BROKEN, KEPT, of_team
from tests.contract.producers import PRODUCERS, produced
from tools.contracts import pacts
from tools.contracts.pacts import PACTS, Pact
from tools.contracts.samples import ROOT


def _verified(folder: Path) -> dict[str, str]:
    """What it has against each pact, by file name."""
    command = [sys.executable, "-m", "tests.contract.verify_pacts", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own program
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"pact"')]
    assert lines, done.stdout + done.stderr
    assert done.returncode == int(any(line["error"] for line in lines)), done.stdout + done.stderr
    return {line["pact"]: line["error"] for line in lines}


def test_every_pact_of_ours_holds() -> None:
    """Every consumer gets what it expects from every provider of ours."""
    errors = _verified(PACTS)
    assert errors.keys() == {pact.path.name for pact in pacts.read() if pact.provider in PRODUCERS}
    assert not any(errors.values()), errors


def test_both_find_the_same_pacts_broken(tmp_path: Path) -> None:
    """Whatever is broken for our reader is broken for Pact's own, and nothing else is."""
    for number, (change, _) in enumerate(BROKEN.values()):
        of_team(tmp_path, f"team{number}", change)
    of_team(tmp_path, "content", KEPT)
    shutil.copy(PACTS / "report-report.json", tmp_path)
    theirs = {name for name, error in _verified(tmp_path).items() if error}
    ours = {pact.path.name for pact in pacts.read(tmp_path) if _differs(pact)}
    assert theirs == ours
    assert len(ours) == len(BROKEN)


def _differs(pact: Pact) -> bool:
    (interaction,) = pact.interactions
    message = produced(pact.provider, interaction.subject)
    return bool(pacts.not_as_expected(interaction, message.body, message.headers))

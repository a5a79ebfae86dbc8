"""Installs the official tools of another language, once for each lock file, below `var/`."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers import absent
from tools.contracts.samples import ROOT

FOLDER = ROOT / "tests" / "node"


_NEEDS = "these tests need Node 20 or later, npm, and a package registry"


def installed(folder: Path = FOLDER) -> Path:
    """Returns a folder with the programs of another, which has a lock file, and all that they import."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            absent(f"{program} is not on this machine; {_NEEDS}")
    lock = (folder / "package-lock.json").read_bytes()
    target = ROOT / "var" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (target / "node_modules").is_dir():
        _install(folder, target)
    for file in (*folder.glob("*.mjs"), *folder.glob("*.ts")):
        shutil.copy(file, target)
    return target


def _install(folder: Path, target: Path) -> None:
    """Into a folder of its own first, so that two test runs at a time do not meet."""
    unfinished = target.with_name(f"{target.name}-{os.getpid()}")
    unfinished.mkdir(parents=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(folder / file, unfinished)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - the package manager
        if done.returncode:
            absent(f"npm ci failed: {(done.stdout + done.stderr)[-500:]}; {_NEEDS}")
        if not target.exists():
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)

"""The Python environment of the recipes: made once for each lock file, below `var/`."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.repository import ROOT
from tests.servers import absent

FOLDER = ROOT / "tests" / "recipes"
_LOCK = FOLDER / "requirements.lock"
_NEEDS = "these tests need a package registry"


def python() -> Path:
    """Returns a Python that has what the recipes import."""
    target = ROOT / "var" / f"recipes-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    if not target.is_dir():
        _install(target)
    return target / "bin" / "python"


def _install(target: Path) -> None:
    """Beside the place where it is looked for, so that two test runs at a time do not meet; it can be moved."""
    unfinished = target.with_name(f"{target.name}-{os.getpid()}")
    commands: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", unfinished],
        [unfinished / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", _LOCK],
    ]
    try:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - the package manager
            if done.returncode:
                absent(f"{command[2]} failed: {(done.stdout + done.stderr)[-500:]}; {_NEEDS}")
        if not target.exists():
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)

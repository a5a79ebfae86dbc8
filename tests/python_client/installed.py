"""Installs the generator of Python clients into an environment of its own, once for each lock file, below `var/`."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.repository import ROOT
from tests.servers import absent

FOLDER = ROOT / "tests" / "python_client"
_LOCK = FOLDER / "requirements.lock"


def installed() -> Path:
    """Return the Python of an environment that has the generator, and all that a generated client imports."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    target = ROOT / "var" / f"python-client-{version}-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    if not target.is_dir():
        _install(target)
    return target / "bin" / "python"


def _install(target: Path) -> None:
    """Into a folder of its own first, so that two test runs at a time do not meet."""
    unfinished = target.with_name(f"{target.name}-{os.getpid()}")
    venv.create(unfinished, with_pip=False, symlinks=True)
    command = [sys.executable, "-m", "pip", "--python", str(unfinished / "bin" / "python"), "--quiet", "install"]
    command += ["--disable-pip-version-check", "--require-hashes", "--requirement", str(_LOCK)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - pip
        if done.returncode:
            absent(f"pip install failed: {(done.stdout + done.stderr)[-500:]}; this test needs a package registry")
        if not target.exists():
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)

"""Install the library's wheel into an environment of its own, which reaches chosen distributions and no other."""

import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.packaging.requirements import LIBRARY, brought, declared
from tools.release_files import distributions


def build(folder: Path) -> tuple[Path, Path]:
    """Build wheel and source distribution as a release does; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return distributions(LIBRARY.parent, folder)


class Environment:
    """A virtual environment that holds the library alone, and reaches what the given extras bring."""

    def __init__(self, folder: Path, wheel: Path, wanted: Iterable[str] = (), besides: Iterable[str] = ()) -> None:
        """Make it in a folder that does not exist yet; other distributions are reached as well, `besides`."""
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        self._pip("install", "--no-index", "--no-deps", str(wheel))
        (site,) = folder.glob("lib/python*/site-packages")
        reachable = folder / "reachable"
        reachable.mkdir()
        for name in sorted(brought([*declared(wanted).values(), *map(Requirement, besides)])):
            _link(name, reachable)
        (site / "reachable.pth").write_text(f"{reachable}\n", encoding="utf-8")

    def _pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "--quiet", *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own

    def run(self, code: str, *arguments: str, folder: Path) -> str:
        """Run a program in a folder and return its output; fail with all that it said."""
        command = [str(self.python), "-I", "-W", "error", "-c", code, *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _link(name: str, folder: Path) -> None:
    """Make a distribution's packages, modules and metadata reachable from a folder."""
    found = distribution(name)
    for top in {path.parts[0] for path in found.files or () if path.parts[0] not in {"..", "__pycache__"}}:
        target = folder / top
        if not target.exists():
            target.symlink_to(Path(str(found.locate_file(top))))

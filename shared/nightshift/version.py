"""The version of this program, as `pyproject.toml` has it too, and the revision that it was built from."""

from pathlib import Path

VERSION = "0.1.0"
REVISION_FILE = "revision.txt"
"""Beside this module in a wheel and in the image: the build writes it. A checkout has none, and is asked itself."""


def revision(package: Path | None = None) -> str:
    """Return the commit of the sources, with `-dirty` where a checkout was changed; empty where nobody knows.

    `package` is the folder of this package unless given.
    """
    package = package or Path(__file__).resolve().parent
    try:
        return (package / REVISION_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return _of_checkout(package)


def _of_checkout(package: Path) -> str:
    import subprocess  # noqa: PLC0415 - only who is asked for its revision needs it

    root = package.parent.parent
    if package.parent.name != "shared" or not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - our own words
    except (OSError, subprocess.SubprocessError):  # no git here
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def full_version() -> str:
    """Return version and revision, as `--version` shows them: `0.1.0 (5335ac3c81d2)`."""
    commit = revision()
    return f"{VERSION} ({commit})" if commit else VERSION

"""Make the files that belong to a release: wheel and source distribution, manifests, what the image is built from."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

_BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]
print(build_meta.build_wheel(folder), build_meta.build_sdist(folder))
"""
_IMAGE_LINES = ("newName:", "newTag:", "digest:")
SUMS = "SHA256SUMS"


class ReleaseError(Exception):
    """A file could not be made; the text says which, and what its program said."""


def distributions(root: Path, out: Path, revision: str = "") -> tuple[Path, Path]:
    """Build the library's wheel and source distribution from a copy of its source, offline; return their paths.

    Raises:
        ReleaseError: the source cannot be built.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = shutil.copytree(root / "shared", Path(folder) / "shared", ignore=shutil.ignore_patterns("__pycache__"))
        if revision:
            (source / "nightshift" / "revision.txt").write_text(f"{revision}\n", encoding="utf-8")
        said = _run("the wheel", [sys.executable, "-W", "ignore", "-c", _BUILD, str(out.resolve())], source)
    wheel, sdist = said.splitlines()[-1].split()
    return out / wheel, out / sdist


def manifests(root: Path, out: Path, version: str, image: str, digest: str = "") -> Path:
    """Pack the folder for kustomize, with the image of the release in it; return the archive's path."""
    archive = out / f"nightshift-kubernetes-{version}.tar.gz"
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(root / "deploy" / "kubernetes", Path(folder) / "kubernetes", ignore=_secrets)
        file = copy / "kustomization.yaml"
        file.write_text(_named(file.read_text(encoding="utf-8"), image, version, digest), encoding="utf-8")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(copy, arcname=copy.name)
    return archive


def _secrets(_folder: str, names: Iterable[str]) -> set[str]:
    """Return what a checkout may hold and a release must not."""
    return {"credentials"} & {*names}


def _named(kustomization: str, image: str, version: str, digest: str) -> str:
    """Name an image where the kustomization names the example's; by its digest where that is known."""
    kept = [line for line in kustomization.splitlines() if not line.strip().startswith(_IMAGE_LINES)]
    where = kept.index("  - name: nightshift") + 1
    named = [f"    newName: {image}", f"    newTag: {version}", *([f"    digest: {digest}"] if digest else [])]
    return "\n".join([*kept[:where], *named, *kept[where:], ""])


def bill_of_materials(root: Path, out: Path, version: str) -> Path:
    """Write what the image's programs are built from, as its lock file pins it (CycloneDX); return the file's path.

    Raises:
        ReleaseError: the lock cannot be read.
    """
    file = out / f"nightshift-{version}.cdx.json"
    lock, project = root / "deploy" / "requirements.lock", root / "pyproject.toml"
    program = [sys.executable, "-m", "cyclonedx_py", "requirements", "--pyproject", str(project)]
    _run("the bill of materials", [*program, "--output-reproducible", "--of", "JSON", "-o", str(file), str(lock)], root)
    return file


def checksums(out: Path) -> Path:
    """Write the sum of every file of a folder, as `sha256sum --check` reads it; return the file's path."""
    files = sorted(file for file in out.iterdir() if file.is_file() and file.name != SUMS)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (out / SUMS).write_text("".join(lines), encoding="utf-8")
    return out / SUMS


def _run(what: str, command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise ReleaseError(f"{what} cannot be made: {(done.stdout + done.stderr).strip()}")
    return done.stdout

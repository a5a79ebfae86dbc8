"""Say whether the tree is a release, and make its files: `python -m tools.release 0.2.0`, run by the release workflow.

Prints the changelog's section of that version, which becomes the text of the release.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightshift.version import VERSION
from tools.release_files import ReleaseError, bill_of_materials, checksums, distributions, manifests

ROOT = Path(__file__).resolve().parent.parent
NOTES = "notes.md"


def section(changelog: str, version: str) -> str:
    """Return the text below `## [version]`, without the heading; empty where there is none."""
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def problems(version: str, root: Path = ROOT) -> Iterator[str]:
    """Yield what keeps the tree from being this release."""
    if version != VERSION:
        yield f"shared/nightshift/version.py says {VERSION}, the tag {version}"
    if f'version = "{version}"' not in (root / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        yield f"pyproject.toml does not say {version}"
    tag = (root / "deploy" / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8")
    if f"newTag: {version}\n" not in tag:
        yield f"deploy/kubernetes/kustomization.yaml does not name the tag {version}"
    if not section((root / "CHANGELOG.md").read_text(encoding="utf-8"), version):
        yield f"CHANGELOG.md has no section [{version}]: rename [Unreleased]"
    if not (root / "contracts" / "released" / version).is_dir():
        yield f"contracts/released/{version} is missing: python -m tools.contracts --release {version}"


def make(version: str, out: Path, image: str, digest: str, root: Path = ROOT) -> None:
    """Write every file of the release into a folder, which is made.

    Raises:
        ReleaseError: one of them could not be made.
    """
    out.mkdir(parents=True, exist_ok=True)
    if kept := sorted(file.name for file in out.iterdir()):
        raise ReleaseError(f"{out} is not empty ({', '.join(kept[:3])} …): a release holds what was made for it alone")
    distributions(root, out, _revision(root))
    manifests(root, out, version, image, digest)
    bill_of_materials(root, out, version)
    (out / NOTES).write_text(_notes(version, root) + "\n", encoding="utf-8")
    checksums(out)


def _notes(version: str, root: Path) -> str:
    return section((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)


def _revision(root: Path) -> str:
    """Return the commit of the tree; nothing where it is no checkout."""
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return done.stdout.strip()


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run from the command line; return 1 where the tree is not that release, or a file of it cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.release",
        description="Checks that this tree is a release, and prints its section of the changelog. With --out it makes "
        "wheel, source distribution, manifests, bill of materials, that section and checksums.",
        epilog="example: python -m tools.release 0.2.0 --out dist --image registry.example.com/nightshift",
    )
    parser.add_argument("version", help="the version, as the tag has it (v0.2.0 or 0.2.0)")
    parser.add_argument("--out", type=Path, help="an empty folder, or one to be made, for the files")
    parser.add_argument(
        "--image",
        metavar="NAME",
        default="registry.example.com/nightshift",
        help="the image's name without a tag, for the manifests (default: %(default)s)",
    )
    parser.add_argument("--digest", default="", metavar="sha256:…", help="the image's digest, put beside its tag")
    options = parser.parse_args(arguments)
    version = options.version.removeprefix("v")
    if found := list(problems(version, root)):
        print(*found, sep="\n", file=sys.stderr)
        return 1
    if options.out is None:
        print(_notes(version, root))
        return 0
    try:
        make(version, options.out, options.image, options.digest, root)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    print(*sorted(str(file) for file in options.out.iterdir()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

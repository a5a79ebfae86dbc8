"""Say whether the tree is a release: `python -m tools.release 0.2.0`, run by the release workflow.

Prints the changelog's section of that version, which becomes the text of the release.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightshift.version import VERSION

ROOT = Path(__file__).resolve().parent.parent


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 1 where the tree is not that release."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.release",
        description="Checks that this tree is a release, and prints its section of the changelog.",
        epilog="example: python -m tools.release 0.2.0",
    )
    parser.add_argument("version", help="the version, as the tag has it (v0.2.0 or 0.2.0)")
    version = parser.parse_args(arguments).version.removeprefix("v")
    if found := list(problems(version)):
        print(*found, sep="\n", file=sys.stderr)
        return 1
    print(section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version))
    return 0


if __name__ == "__main__":
    sys.exit(main())

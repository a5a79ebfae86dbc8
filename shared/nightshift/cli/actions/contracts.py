"""`nightshift contracts`: write the documents of a module's messages, and compare them with the last release."""

import argparse
import sys
from pathlib import Path

from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, WRONG_USE
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.loading import problem_with
from nightshift.documents.files import breaking_changes, files, keep_release, newest_release, stale, write


def run(options: argparse.Namespace) -> int:
    """Write them, or only check; say what breaks the last release."""
    problem = problem_with(options.module)
    if problem is not None:
        return _refuse(problem, WRONG_USE)
    catalogue, folder = load_catalogue(options.module), options.out
    broken = list(breaking_changes(folder, catalogue))
    if broken:
        return _refuse("\n  ".join([f"this breaks release {newest_release(folder)}:", *broken]), ANSWER_IS_NO)
    wanted = files(options.module, catalogue)
    try:
        return _checked(folder, wanted) if options.check else _written(folder, wanted, options.release)
    except (OSError, ValueError) as error:
        return _refuse(str(error), WRONG_USE)


def _checked(folder: Path, wanted: dict[str, str]) -> int:
    differing = stale(folder, wanted)
    if differing:
        names = ", ".join(f"{folder}/{name}" for name in differing)
        return _refuse(f"not up to date: {names}; run this without --check", ANSWER_IS_NO)
    return DONE


def _written(folder: Path, wanted: dict[str, str], release: str | None) -> int:
    for name in write(folder, wanted):
        sys.stdout.write(f"{folder}/{name} {'written' if name in wanted else 'removed'}\n")
    if release is not None:
        keep_release(folder, release, wanted)
        sys.stdout.write(f"release {release} is kept in {folder}/released/{release}\n")
    return DONE


def _refuse(text: str, code: int) -> int:
    sys.stderr.write(f"nightshift contracts: {text}\n")
    return code

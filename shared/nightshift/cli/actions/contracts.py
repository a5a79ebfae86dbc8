"""`nightshift contracts`: write the documents of a module's messages, and compare them with the last release."""

import argparse
from pathlib import Path

from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE
from nightshift.cli.terminal.report import report
from nightshift.config.program_parser import fail
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.loading import problem_with
from nightshift.documents.files import breaking_changes, files, keep_release, newest_release, stale, write

_PROGRAM = "nightshift contracts"


def run(options: argparse.Namespace) -> int:
    """Write them, or only check; say what breaks the last release."""
    problem = problem_with(options.module)
    if problem is not None:
        return fail(_PROGRAM, problem)
    catalogue, folder = load_catalogue(options.module), options.out
    broken = list(breaking_changes(folder, catalogue))
    if broken:
        text = "\n  ".join([f"this breaks release {newest_release(folder)}:", *broken])
        return fail(_PROGRAM, text, code=ANSWER_IS_NO)
    wanted = files(options.module, catalogue)
    try:
        return _checked(folder, wanted) if options.check else _written(folder, wanted, options.release)
    except (OSError, ValueError) as error:
        return fail(_PROGRAM, str(error))


def _checked(folder: Path, wanted: dict[str, str]) -> int:
    differing = stale(folder, wanted)
    if differing:
        names = ", ".join(f"{folder}/{name}" for name in differing)
        return fail(_PROGRAM, f"not up to date: {names}; run this without --check", code=ANSWER_IS_NO)
    report({"stale": []})
    return DONE


def _written(folder: Path, wanted: dict[str, str], release: str | None) -> int:
    changed = {name: "written" if name in wanted else "removed" for name in write(folder, wanted)}
    lines = [f"{folder}/{name} {what}" for name, what in changed.items()]
    if release is not None:
        keep_release(folder, release, wanted)
        lines.append(f"release {release} is kept in {folder}/released/{release}")
    report({"folder": str(folder), "files": changed, "release": release}, *lines)
    return DONE

"""The option `--version`, the same for every program: version and revision, asked for only when it is used."""

import argparse
from collections.abc import Sequence
from typing import Any

from nightshift.version import full_version


class _Version(argparse.Action):
    """Prints program and version, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 - argparse says what is given
        values: str | Sequence[Any] | None,  # noqa: ARG002 - the same
        option_string: str | None = None,  # noqa: ARG002 - the same
    ) -> None:
        """Answer the option."""
        print(f"{parser.prog} {full_version()}")  # noqa: T201 - the answer
        parser.exit()


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add `--version` to a parser."""
    parser.add_argument("--version", action=_Version, nargs=0, help="show version and revision, and exit")

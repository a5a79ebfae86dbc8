"""`nightshift up`: the embedded stack, by its own command line."""

import sys
from collections.abc import Callable, Sequence

from nightshift.cli.client.command import Groups, command
from nightshift.cli.terminal.exit_codes import WRONG_USE

_MISSING = """\
nightshift up: the embedded stack is not installed here ({0}).
Install it with: pip install 'nightshift-jobs[embedded]'
"""


def register(groups: Groups) -> None:
    """Declare the command for `--help`; it reads its own arguments."""
    command(
        groups,
        "up",
        "Run the whole stack in the foreground until Ctrl-C, without Docker.",
        example="nightshift up --replicas email=2",
        more="For its options, run `nightshift up --help`.",
    )


def passed_on(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the run of the stack if that is what is asked for; it reads everything after its name itself."""
    match list(arguments):
        case ["up", *rest]:
            return lambda: _up(rest)
        case _:
            return None


def _up(arguments: Sequence[str]) -> int:
    try:
        from nightshift.embedded.up import main  # noqa: PLC0415 - no other command needs the embedded stack
    except ModuleNotFoundError as missing:
        sys.stderr.write(_MISSING.format(missing))
        return WRONG_USE
    return main(arguments)

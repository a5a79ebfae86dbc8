"""`nightshift up` and `nightshift demo`: the embedded stack, by its own command lines."""

import sys
from collections.abc import Callable, Sequence

from nightshift.cli.client.command import Groups, command


def register(groups: Groups) -> None:
    """Declares the commands for `--help`; what follows them is theirs to read."""
    more = "Its own arguments: add --help behind it."
    command(
        groups,
        "up",
        "Run the whole stack in the foreground until Ctrl-C, without Docker.",
        example="nightshift up --replicas email=2",
        more=more,
    )
    command(
        groups, "demo", "Watch real jobs run on a stack of their own.", example="nightshift demo photo.jpg", more=more
    )


def passed_on(arguments: Sequence[str]) -> Callable[[], int] | None:
    """What runs when one of these commands is asked for; it reads everything behind its name itself."""
    match list(arguments):
        case ["up", *rest]:
            return lambda: _up(rest)
        case ["demo", *rest]:
            return lambda: _demo(rest)
        case _:
            return None


def _up(arguments: Sequence[str]) -> int:
    from nightshift.embedded.up import main  # noqa: PLC0415 - only this command needs the embedded stack's own dependencies

    return main(arguments)


def _demo(arguments: Sequence[str]) -> int:
    sys.argv[1:] = arguments
    from demo.__main__ import main  # noqa: PLC0415 - as above

    return main()

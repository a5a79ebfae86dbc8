"""`nightshift console`: the program itself, which reads its own arguments, and the link that signs in to it."""

from nightshift.cli.client.command import Groups, command, group
from nightshift.config.program_parser import ProgramParser


def register(groups: Groups) -> None:
    """Declare the commands."""
    console = group(groups, "console", "Serve the console, in which a person on call sees what is wrong and why.")
    groups.choices["console"].set_defaults(own=_console_parser)
    command(
        console,
        "link",
        "Show the link that signs in to the console of this machine, once.",
        example="nightshift console link",
        run="nightshift.console.cli.link:show",
    )


def _console_parser() -> ProgramParser:
    from nightshift.cli.actions.console import console_parser  # noqa: PLC0415 - no other command needs it

    return console_parser()

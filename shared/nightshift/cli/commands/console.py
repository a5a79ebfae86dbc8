"""`nightshift console`: the program itself, which reads its own arguments, and the link that signs in to it."""

from nightshift.cli.client.command import Groups, command, group


def register(groups: Groups) -> None:
    """Declare the commands."""
    console = group(groups, "console", "Serve the console, in which a person on call sees what is wrong and why.")
    command(
        console,
        "link",
        "Show the link that signs in to the console of this machine, once.",
        example="nightshift console link",
        run="nightshift.console.cli.link:show",
    )

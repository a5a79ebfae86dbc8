"""The commands that the console adds to `nightshift`."""

from nightshift.cli.client.command import Groups, command, group


def register(groups: Groups) -> None:
    """Declare the commands."""
    console = group(groups, "console", "The console: a page for whoever is on call.")
    command(
        console,
        "link",
        "Show the link that signs in to the console of this machine, once.",
        example="nightshift console link",
        run="services.console.cli.link:show",
    )

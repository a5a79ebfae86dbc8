"""`nightshift upgrade`: whether this release can take over from the one that runs."""

from nightshift.cli.client.command import Groups, command


def register(groups: Groups) -> None:
    """Declare the command."""
    parser = command(
        groups,
        "upgrade",
        "Compare this release with what runs, before anything is stopped: migrations, streams, what waits in them.",
        example="nightshift upgrade --check",
        run="nightshift.cli.actions.upgrade:run",
        more="Run it with the new release, on compose: docker compose run --rm operator upgrade --check. "
        "Exit code 0 if it can take over (warnings do not count), else 1.",
    )
    parser.add_argument("--check", action="store_true", required=True, help="change nothing; that is all that it does")

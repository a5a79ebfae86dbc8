"""`nightshift doctor`: check everything, report what is wrong and how to fix it."""

from nightshift.cli.client.command import Groups, command


def register(groups: Groups) -> None:
    """Declare the command."""
    command(
        groups,
        "doctor",
        "Check broker, streams, permissions, workers, their dependencies, database and object store; say how to fix "
        "what is wrong.",
        example="nightshift doctor --json | jq '.[] | select(.state == \"wrong\")'",
        run="nightshift.cli.actions.doctor:run",
        more="Exit code 0 if nothing is wrong (warnings do not count), else 1.",
    )

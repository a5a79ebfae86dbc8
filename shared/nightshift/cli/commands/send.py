"""`nightshift send`: publish jobs that match their contract, now or later, one or many; wait for one to end."""

from nightshift.cli.client.command import Groups, command
from nightshift.cli.terminal.parse_time import parse_duration, parse_instant


def register(groups: Groups) -> None:
    """Declare the command."""
    parser = command(
        groups,
        "send",
        "Publish a job: checked against its contract, stored by the broker before the command returns.",
        example="nightshift send email.send "
        '\'{"to":"you@example.com","subject":"Hi","body":"<p>Hi</p>"}\' --delay 12h --id welcome-17',
        run="nightshift.cli.actions.send:run",
    )
    parser.add_argument("type", metavar="TYPE", help="job type, for instance email.send")
    parser.add_argument("body", metavar="JSON", nargs="?", help="the body; @FILE reads a file, - standard input")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--delay", type=parse_duration, metavar="SPAN", help="run it after this time: 90s, 12h, 30d")
    when.add_argument("--at", type=parse_instant, metavar="TIME", help="run it at this time: 2026-07-25T06:00:00Z")
    parser.add_argument("--id", help="idempotency key: the same type and id has one effect; with --batch a prefix")
    parser.add_argument("--tenant", metavar="NAME", help="whose job it is, for the ledger and its follow-up jobs")
    parser.add_argument(
        "--batch", metavar="FILE", help="one body per line (- is standard input); lines are checked before any is sent"
    )
    parser.add_argument("--wait", action="store_true", help="wait until the job has ended; exit code 1 if it is dead")
    parser.add_argument("--wait-for", type=parse_duration, metavar="SPAN", help="wait at most this long (exit code 1)")
    parser.add_argument("--unknown-fields", action="store_true", help="send fields that the contract does not have")

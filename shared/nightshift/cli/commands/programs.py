"""`nightshift up`, `worker`, `scheduler`, `gateway`, `console`, `provision`: they read their own arguments."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from nightshift.cli.client.command import Groups, command
from nightshift.cli.terminal.exit_codes import WRONG_USE
from nightshift.config.project import Project
from nightshift.runtime.provision_arguments import provision_parser

_MISSING = """\
nightshift up: the embedded stack is not installed here ({0}).
Install it with: pip install 'nightshift-jobs[embedded]'
"""


def register(groups: Groups) -> None:
    """Declare the commands for `--help`."""
    command(
        groups,
        "up",
        "Run the whole stack in the foreground until Ctrl-C, without Docker.",
        example="nightshift up --replicas email=2",
        more="For its options, run `nightshift up --help`.",
    )
    command(
        groups,
        "worker",
        "Run the jobs of a service that a module declares, until SIGTERM or Ctrl-C.",
        example="nightshift worker shop.jobs",
        more="For its options, run `nightshift worker --help`, for its settings `nightshift worker shop.jobs --help`.",
    )
    command(
        groups,
        "scheduler",
        "Announce each due time of each schedule as one event, until SIGTERM or Ctrl-C, however many replicas run.",
        example="nightshift scheduler shop.jobs",
        more="For its options, run `nightshift scheduler --help`.",
    )
    command(
        groups,
        "gateway",
        "Take jobs and webhooks of providers over HTTP, until SIGTERM or Ctrl-C; any number of replicas may run.",
        example="nightshift gateway shop.jobs",
        more="For its options, run `nightshift gateway --help`.",
    )
    command(
        groups,
        "provision",
        "Create or update streams, consumers, database tables and bucket; run it before the workers of each release.",
        example="nightshift provision --check",
        more="For its options, run `nightshift provision --help`.",
    )


def program(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the program that is asked for, if it is one of these; everything after its name is its own."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    found = _PROGRAMS.get(name)
    if found is None or (name, *rest[:1]) in _COMMANDS:
        return None
    return partial(found, rest)


def _up(arguments: Sequence[str]) -> int:
    try:
        from nightshift.embedded.up_arguments import up_parser  # noqa: PLC0415 - it may not be installed

        up_parser().parse_args(arguments)
        from nightshift.embedded.up import main  # noqa: PLC0415 - no other command needs the embedded stack
    except ModuleNotFoundError as missing:
        sys.stderr.write(_MISSING.format(missing))
        return WRONG_USE
    return main(arguments)


def _worker(arguments: Sequence[str]) -> int:
    from nightshift.cli.actions.worker import main  # noqa: PLC0415 - no other command needs it

    return main(arguments)


def _scheduler(arguments: Sequence[str]) -> int:
    from nightshift.scheduler.arguments import scheduler_parser  # noqa: PLC0415 - no other command needs it

    scheduler_parser("nightshift scheduler", "settings: python -m nightshift.scheduler --help").parse_args(arguments)
    from nightshift.cli.client.settings import environment  # noqa: PLC0415 - no help needs it
    from nightshift.scheduler.__main__ import main  # noqa: PLC0415 - no other command needs it

    settings, _ = environment(argparse.Namespace(), os.environ, Project.of_environment(os.environ).state_folder)
    return main(arguments, program="nightshift scheduler", environ=settings)


def _gateway(arguments: Sequence[str]) -> int:
    from nightshift.cli.actions.gateway import main  # noqa: PLC0415 - no other command needs it

    return main(arguments)


def _console(arguments: Sequence[str]) -> int:
    from nightshift.cli.actions.console import main  # noqa: PLC0415 - no other command needs it

    return main(arguments)


def _provision(arguments: Sequence[str]) -> int:
    provision_parser().parse_args(arguments)
    from nightshift.cli.client.settings import environment  # noqa: PLC0415 - no help needs it
    from nightshift.runtime.provision import main  # noqa: PLC0415 - no other command needs it

    settings, _ = environment(argparse.Namespace(), os.environ, Project.of_environment(os.environ).state_folder)
    return main(arguments, settings)


_PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {
    "up": _up,
    "worker": _worker,
    "scheduler": _scheduler,
    "gateway": _gateway,
    "console": _console,
    "provision": _provision,
}
_COMMANDS = {("console", "link")}
"""What begins with the name of a program, and is a command."""

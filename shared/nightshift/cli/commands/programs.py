"""`nightshift up`, `worker`, `scheduler`, `gateway`, `console`, `provision`: they read their own arguments."""

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile

from nightshift.cli.client.command import CONNECTION, Groups, add_connection, command
from nightshift.config.program_parser import ProgramParser, fail
from nightshift.config.project import Project
from nightshift.runtime.provision_arguments import provision_parser

_MISSING = """\
the embedded stack is not installed here ({0}).
Install it with: pip install 'nightshift-jobs[embedded]'"""


def register(groups: Groups) -> None:
    """Declare the commands for `--help`."""
    command(
        groups,
        "up",
        "Run the whole stack in the foreground until Ctrl-C, without Docker.",
        example="nightshift up --replicas email=2",
        more="For its options, run `nightshift up --help`.",
    ).set_defaults(own=_up_parser)
    command(
        groups,
        "worker",
        "Run the jobs of a service that a module declares, until SIGTERM or Ctrl-C.",
        example="nightshift worker shop.jobs",
        more="For its options, run `nightshift worker --help`, for its settings `nightshift worker shop.jobs --help`.",
    ).set_defaults(own=_worker_parser)
    command(
        groups,
        "scheduler",
        "Announce each due time of each schedule as one event, until SIGTERM or Ctrl-C, however many replicas run.",
        example="nightshift scheduler shop.jobs",
        more="For its options, run `nightshift scheduler --help`.",
    ).set_defaults(own=_scheduler_parser)
    command(
        groups,
        "gateway",
        "Take jobs and webhooks of providers over HTTP, until SIGTERM or Ctrl-C; any number of replicas may run.",
        example="nightshift gateway shop.jobs",
        more="For its options, run `nightshift gateway --help`.",
    ).set_defaults(own=_gateway_parser)
    command(
        groups,
        "provision",
        "Create or update streams, consumers, database tables and bucket; run it before the workers of each release.",
        example="nightshift provision --check",
        more="For its options, run `nightshift provision --help`.",
    ).set_defaults(own=_provision_parser)


def program(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the program that is asked for, if it is one of these; everything beside its name is its own.

    Which broker is meant is in the environment, also when it was said by options: there its settings are.
    """
    flags, words = _connection(arguments)
    name, rest = (words[0], words[1:]) if words else ("", [])
    found = _PROGRAMS.get(name)
    if found is None or (name, *rest[:1]) in _COMMANDS:
        return None
    if flags and name == "up":
        named = " and ".join(f"--{flag}" for flag in flags)
        raise SystemExit(fail("nightshift up", f"it starts a broker of its own: leave out {named}"))
    os.environ.update({CONNECTION[flag]: value for flag, value in flags.items()})
    return partial(found, rest)


def _connection(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return what options say of the connection, and the other arguments, those of before the program's name last."""
    if not _PROGRAMS.keys() & set(arguments):
        return {}, list(arguments)
    parser = ProgramParser(prog="nightshift", add_help=False, allow_abbrev=False)
    add_connection(parser)
    options, words = parser.parse_known_args(arguments)
    before = list(takewhile("--json".__eq__, words))
    return vars(options), [*words[len(before) :], *before]


def _up(arguments: Sequence[str]) -> int:
    try:
        _up_parser().parse_args(arguments)
        from nightshift.embedded.up import main  # noqa: PLC0415 - no other command needs the embedded stack
    except ModuleNotFoundError as missing:
        return fail("nightshift up", _MISSING.format(missing))
    return main(arguments)


def _up_parser() -> ProgramParser:
    from nightshift.embedded.up_arguments import up_parser  # noqa: PLC0415 - it may not be installed

    return up_parser()


def _worker_parser() -> ProgramParser:
    from nightshift.cli.actions.worker import worker_parser  # noqa: PLC0415 - no other command needs it

    return worker_parser()


def _scheduler_parser() -> ProgramParser:
    from nightshift.scheduler.arguments import scheduler_parser  # noqa: PLC0415 - no other command needs it

    made = scheduler_parser("nightshift scheduler", "settings: python -m nightshift.scheduler --help")
    add_connection(made)
    return made


def _gateway_parser() -> ProgramParser:
    from nightshift.cli.actions.gateway import gateway_parser  # noqa: PLC0415 - no other command needs it

    return gateway_parser()


def _provision_parser() -> ProgramParser:
    made = provision_parser()
    add_connection(made)
    return made


def _worker(arguments: Sequence[str]) -> int:
    from nightshift.cli.actions.worker import main  # noqa: PLC0415 - no other command needs it

    return main(arguments)


def _scheduler(arguments: Sequence[str]) -> int:
    _scheduler_parser().parse_args(arguments)
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
    _provision_parser().parse_args(arguments)
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

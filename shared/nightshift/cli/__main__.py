"""The command line `nightshift`: parse, run the command, turn an error into a sentence and an exit code."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightshift.broker import BrokerRefusedError
from nightshift.cli.client import completion
from nightshift.cli.client.command import Parser
from nightshift.cli.client.context import Context
from nightshift.cli.client.project_commands import register_commands_of
from nightshift.cli.client.settings import add_flags, environment, settings
from nightshift.cli.commands import cron, dlq, doctor, jobs, programs, queues, send, top, workers
from nightshift.cli.terminal.exit_codes import (
    DONE,
    FAULT,
    INTERRUPTED,
    REFUSED,
    UNAVAILABLE,
    WRONG_USE,
    CommandError,
    exit_code_help,
)
from nightshift.cli.terminal.output import Output
from nightshift.config.project import Project
from nightshift.config.settings import SettingsError
from nightshift.messaging.outbound import JobTooLargeError
from nightshift.observability.log import configure
from nightshift.outcomes import Unavailable
from nightshift.version import VERSION


def parser(project: Project | None = None) -> Parser:
    """Build the parser of the whole command line, with the commands that the services of a project add."""
    made = Parser(
        prog="nightshift",
        description="Background jobs and schedules on NATS: see what runs, send, redrive, repair.",
        epilog=f"exit codes:\n{exit_code_help()}\n\nexample:\n  nightshift doctor",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"nightshift {VERSION}")
    add_flags(made)
    groups = made.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command", parser_class=Parser
    )
    for module in (send, queues, jobs, dlq, cron, workers, top, doctor, programs):
        module.register(groups)
    if project is not None:
        register_commands_of(project, groups)
    completion.register(groups)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    project = Project.of_environment(os.environ)
    project.make_importable()
    program = programs.program(typed)
    if program is not None:
        return program()
    options = parser(project).parse_args(typed)
    try:
        return run(options, os.environ, project.state_folder)
    except BrokenPipeError:  # the reader of the output has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def run(options: argparse.Namespace, environ: Mapping[str, str], stack: Path) -> int:
    """Run the parsed command. The only exception that it raises is that of a closed pipe."""
    if getattr(options, "at_once", None) is not None:
        return int(options.at_once(options))
    output = Output(as_json=getattr(options, "json", False), yes=getattr(options, "yes", False))
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - the constant is a name, not a path
        configure("nightshift", "text", "error", nowhere)
        try:
            return asyncio.run(perform(output, options, environ, stack))
        except (KeyboardInterrupt, asyncio.CancelledError):
            output.note("Stopped.")
            return INTERRUPTED


async def perform(output: Output, options: argparse.Namespace, environ: Mapping[str, str], stack: Path) -> int:
    """Run a command on this event loop; print an error and return its exit code."""
    try:
        counts, source = environment(options, environ, stack)
        async with Context(output, settings(counts), counts, source) as context:
            return int(await options.run(context, options))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a traceback does not help the person on call
        text, code = _explain(error)
        output.error(text, code)
        return code


def _explain(error: Exception) -> tuple[str, int]:
    match error:
        case CommandError():
            return str(error), error.code
        case SettingsError() | JobTooLargeError():
            return str(error), WRONG_USE
        case Unavailable():
            return str(error), UNAVAILABLE
        case BrokerRefusedError():
            return str(error), REFUSED
        case BaseExceptionGroup():
            inner = error.exceptions[0]
            return _explain(inner) if isinstance(inner, Exception) else (str(error), FAULT)
        case _:
            return f"a fault of the command line: {type(error).__name__}: {error}", FAULT


if __name__ == "__main__":
    sys.exit(main())

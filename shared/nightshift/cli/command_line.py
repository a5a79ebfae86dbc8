"""Parse the command line, and run what it asks for; until then only what declares the commands is loaded."""

import argparse
import os
from collections.abc import Sequence

from nightshift.cli.client import completion
from nightshift.cli.client.command import Parser, add_flags
from nightshift.cli.client.project_commands import register_commands_of
from nightshift.cli.commands import (
    audit,
    console,
    contracts,
    credentials,
    cron,
    dlq,
    doctor,
    events,
    jobs,
    keys,
    new_project,
    outbox,
    programs,
    queues,
    send,
    top,
    upgrade,
    webhooks,
    workers,
)
from nightshift.cli.terminal.exit_codes import exit_code_help
from nightshift.config.program_parser import ProgramParser, fail
from nightshift.config.project import Project
from nightshift.config.version_option import add_version
from nightshift.observability.standard_output import fault, give_up


def parser(project: Project | None = None) -> Parser:
    """Build the parser of the whole command line, with the commands that the services of a project add."""
    made = Parser(
        prog="nightshift",
        description="Background jobs and schedules on NATS: see what runs, send, redrive, repair.",
        epilog=f"exit codes:\n{exit_code_help()}\n\nexample:\n  nightshift doctor",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_version(made)
    add_flags(made)
    groups = made.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command", parser_class=Parser
    )
    for module in (
        send,
        queues,
        jobs,
        events,
        outbox,
        dlq,
        cron,
        webhooks,
        workers,
        top,
        doctor,
        audit,
        programs,
        console,
        upgrade,
        new_project,
        credentials,
        contracts,
    ):
        module.register(groups)
    if project is not None:
        register_commands_of(project, groups)
    webhooks.register_events(groups)
    if "keys" not in groups.choices:  # a project that keeps them in a table of its own declares them itself
        keys.register(groups)
    completion.register(groups, made)
    return made


def run(typed: Sequence[str]) -> int:
    """Run one command; return its exit code.

    Raises:
        SystemExit: after a help, or a wrong command line.
    """
    try:
        code = _run(typed)
    except ModuleNotFoundError as error:
        from nightshift.config.extras import what_to_install  # noqa: PLC0415 - only where something is missing

        if (missing := what_to_install(error)) is None:
            raise
        return fail("nightshift", missing)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or fault() is not None:
            return give_up(error)
        raise
    except SystemExit:
        if (unwritten := fault()) is not None:
            raise SystemExit(give_up(unwritten)) from None
        raise
    unwritten = fault()
    return code if unwritten is None else give_up(unwritten)


def _run(typed: Sequence[str]) -> int:
    project = Project.of_environment(os.environ)
    project.make_importable()
    ProgramParser.as_json = "--json" in typed
    program = programs.program(typed)
    if program is not None:
        return program()
    options = parser(project).parse_args(typed)
    if getattr(options, "at_once", None) is not None:
        return int(options.at_once(options))
    from nightshift.cli.execution import execute  # noqa: PLC0415 - no --help needs what a command needs

    return execute(options, os.environ, project.state_folder)

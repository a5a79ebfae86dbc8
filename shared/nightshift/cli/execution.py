"""Run a parsed command; turn an error into a sentence and an exit code."""

import argparse
import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name

from nightshift.broker import BrokerRefusedError
from nightshift.cli.client.command import Run
from nightshift.cli.client.context import Context
from nightshift.cli.client.settings import environment, settings
from nightshift.cli.terminal.exit_codes import (
    FAULT,
    INTERRUPTED,
    REFUSED,
    UNAVAILABLE,
    WRONG_USE,
    CommandError,
)
from nightshift.cli.terminal.output import Output
from nightshift.config.settings import SettingsError
from nightshift.messaging.audit import NotRecordedError
from nightshift.messaging.outbound import JobTooLargeError
from nightshift.observability.log import configure
from nightshift.observability.standard_output import fault
from nightshift.outcomes import Unavailable


def execute(options: argparse.Namespace, environ: Mapping[str, str], stack: Path) -> int:
    """Run the parsed command. The only exception that it raises is that of an output that cannot be written."""
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
            return int(await action(options.run)(context, options))
    except Exception as error:  # noqa: BLE001 - a traceback does not help the person on call
        if (unwritten := fault()) is not None:
            raise unwritten from None
        text, code = _explain(error)
        output.error(text, code)
        return code


def action(run: "Run | str") -> Run:
    """Return the function that does a command, loaded if it was declared by its place, `module:function`."""
    if not isinstance(run, str):
        return run
    found: Run = resolve_name(run)
    return found


def _explain(error: Exception) -> tuple[str, int]:  # noqa: PLR0911 - a table of errors, one line each
    match error:
        case CommandError():
            return str(error), error.code
        case SettingsError() | JobTooLargeError():
            return str(error), WRONG_USE
        case Unavailable():
            return str(error), UNAVAILABLE
        case NotRecordedError(may_insist=True):
            return f"{error}; --unrecorded does it all the same, and records it afterwards", REFUSED
        case BrokerRefusedError() | NotRecordedError():
            return str(error), REFUSED
        case BaseExceptionGroup():
            inner = error.exceptions[0]
            return _explain(inner) if isinstance(inner, Exception) else (str(error), FAULT)
        case _:
            return f"a fault of the command line: {type(error).__name__}: {error}", FAULT

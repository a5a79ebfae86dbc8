"""An operator who runs commands against a stack and reads what they print."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.broker import Connection
from nightshift.cli.command_line import parser
from nightshift.cli.execution import perform
from nightshift.cli.terminal.output import Output
from nightshift.config.project import Project
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from tests.repository import ROOT


@dataclass(frozen=True)
class CommandResult:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


@dataclass
class Operator:
    """The stack, and the operator's own way to the broker."""

    stack: Stack
    connection: Connection
    environ: dict[str, str]

    @property
    def publisher(self) -> Publisher:
        """Publishes as any producer does."""
        return Publisher(self.connection)

    async def run(
        self,
        *arguments: str,
        without: tuple[str, ...] = (),
        environ: Mapping[str, str] | None = None,
        out: io.StringIO | None = None,
    ) -> CommandResult:
        """Runs `nightshift ARGUMENTS` with the stack's settings, changed by `environ`, and lacking some of them."""
        settings = {name: value for name, value in {**self.environ, **(environ or {})}.items() if name not in without}
        return await run_command(arguments, settings, Path("nowhere"), out)


async def run_command(
    arguments: tuple[str, ...], environ: Mapping[str, str], stack: Path, out: io.StringIO | None = None
) -> CommandResult:
    """Runs a command with these settings; `out` is where it prints."""
    options = parser(Project(ROOT)).parse_args(arguments)
    out, err = out or io.StringIO(), io.StringIO()
    output = Output(as_json=getattr(options, "json", False), yes=getattr(options, "yes", False), out=out, err=err)
    code = await perform(output, options, environ, stack)
    return CommandResult(code, out.getvalue(), err.getvalue())

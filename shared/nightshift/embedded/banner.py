"""The text that a person reads when the stack has started: addresses, and a first job to publish."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from nightshift.config.project import Project
from nightshift.embedded.kept_settings import console_link
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.services import CONSOLE, GATEWAY, Service
from nightshift.embedded.stack import BUCKET, GATEWAY_KEY, Stack

_MAIL = '{"to":"you@example.com","subject":"Hello","body":"<p>From the night shift</p>"}'


def addresses(stack: Stack, services: Sequence[Service]) -> str:
    """Return the addresses of a running stack as lines of text."""
    rows = [
        ("broker", f"{stack.broker.url}   monitoring: {stack.broker.monitoring_url}"),
        ("objects (S3)", f"{stack.objects.endpoint}   bucket: {BUCKET}"),
        ("  access key", stack.objects.access_key),
        ("  secret key", stack.objects.secret_key),
        ("mail", f"smtp://{stack.mail.address}   messages: {stack.mail.mailbox}"),
        ("database", str(stack.database)),
        ("logs", str(stack.logs)),
        *(
            (one.name, f"{stack.gateway_url}   description: {stack.gateway_url}/docs")
            for one in services
            if one.name == GATEWAY
        ),
        *(
            ("  API key", (stack.folder / GATEWAY_KEY).read_text(encoding="ascii").strip())
            for one in services
            if one.name == GATEWAY and one.is_built_in
        ),
        *(("console", f"{_console_link(stack)}   (works once)") for one in services if one.name == CONSOLE),
        *((service.name, f"{service.health_url}/metrics") for service in services),
    ]
    lines = [f"  {name:<14} {value}" for name, value in rows]
    publish = ["Publish a job, and wait for its end:", f"  {_example(stack)}"]
    watch = ["Watch it at work, in another terminal:", f"  {command_line(stack.project)} top"]
    return "\n".join(["", *lines, "", *publish, *watch, ""])


def _console_link(stack: Stack) -> str:
    """Return the address that signs in to the console: once, whenever that is."""
    link = console_link(stack.folder)
    return f"http://{LOOPBACK}:{stack.console_port.number}/sign-in?link={link}"


def _example(stack: Stack) -> str:
    """Return a command that publishes a mail, where the project has the service, else one to be completed."""
    if not stack.project.declared and "email" in stack.project.service_names():
        return f"{command_line(stack.project)} send email.send {shlex.quote(_MAIL)} --wait"
    return f"{command_line(stack.project)} send TYPE JSON"


def command_line(project: Project) -> str:
    """Return the command line beside this interpreter, as it is typed in the project's folder."""
    program = Path(sys.executable).with_name("nightshift")
    inside = program.is_relative_to(project.folder)
    return shlex.quote(str(program.relative_to(project.folder) if inside else "nightshift"))

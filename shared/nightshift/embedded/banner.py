"""What `nightshift.embedded.up` tells a person: where everything is, and a first job to publish."""

import shlex
from collections.abc import Iterable

from nightshift.embedded.services import Service
from nightshift.embedded.stack import BUCKET, Stack

_JOB = '{"to":"you@example.com","subject":"Hello","body":"<p>From the night shift</p>"}'


def addresses(stack: Stack, services: Iterable[Service]) -> str:
    """Return the addresses of a running stack as lines of text."""
    rows = [
        ("broker", f"{stack.broker.url}   monitoring: {stack.broker.monitoring_url}"),
        ("objects (S3)", f"{stack.objects.endpoint}   bucket: {BUCKET}"),
        ("  access key", stack.objects.access_key),
        ("  secret key", stack.objects.secret_key),
        ("mail", f"smtp://{stack.mail.address}   messages: {stack.mail.mailbox}"),
        ("database", str(stack.database)),
        ("logs", str(stack.logs)),
        *((service.name, f"{service.health_url}/metrics") for service in services),
    ]
    lines = [f"  {name:<14} {value}" for name, value in rows]
    example = f"nats --server {stack.broker.url} request jobs.email.send {shlex.quote(_JOB)}"
    publish = ["Publish a job (the answer says that it is stored):", f"  {example}"]
    watch = ["Watch it at work, in another terminal:", "  .venv/bin/nightshift top"]
    return "\n".join(["", *lines, "", *publish, *watch, ""])

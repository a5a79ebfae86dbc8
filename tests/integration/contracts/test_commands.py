"""Every command line of the documents that publishes something does what it says, byte for byte as `nats` sends it."""

import json
import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

import msgspec
import pytest

from nightshift.contract import wire
from nightshift.contract.headers import kind_of
from nightshift.embedded.stack import Stack
from tests.harness import connected, eventually
from tests.harness import stored as stored_in
from tests.nats_cli import NatsCli
from tools.contracts import samples
from tools.contracts.samples import ROOT, class_of

DOCUMENTS = ("README.md", "contracts/README.md", "contracts/samples/README.md")
_COMMAND = re.compile(r"^(?:\$ )?(nats (?:pub|req|request) .*)$|`(nats (?:pub|req|request) [^`]*)`", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command line of a document."""

    document: str
    text: str

    @property
    def words(self) -> list[str]:
        """What the shell makes of it; `$(cat file)` is the file."""
        text = re.sub(
            r'"?\$\(cat ([^)]+)\)"?', lambda found: shlex.quote((ROOT / found[1]).read_text().strip()), self.text
        )
        return shlex.split(text)


def commands() -> list[Command]:
    """All of them, but for those that only show a form (`'…'`)."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        # The guide makes a job that is not there yet: it is run by a test of its own.
        guide = text[text.find("## A job of your own") :].partition("\n## Layout")[0] if document == "README.md" else ""
        for match in _COMMAND.finditer(text.replace(guide, "") if guide else text):
            text = match[1] or match[2]
            if "…" not in text:
                found.append(Command(document, text))
    return found


COMMANDS = commands()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.document}:{command.words[2]}")
async def test_a_command_publishes_what_the_contract_takes(provisioned: Stack, command: Command) -> None:
    """The broker acknowledges it into the right stream, and what is stored there is a valid body."""
    _, verb, subject, body, *options = command.words
    headers = dict(pair.split(":", 1) for flag, pair in pairwise(options) if flag == "-H")
    port = urlsplit(provisioned.broker.url).port or 0
    with NatsCli(port) as cli:
        answer = cli.req(subject, body, headers) if verb != "pub" else None
        if answer is None:
            cli.pub(subject, body, headers)
    stream = "CRON" if kind_of(subject).startswith("cron") else wire.service_of(wire.type_of(subject)).upper()
    if answer is not None:
        assert answer["stream"] == stream
    async with connected(provisioned.broker) as connection:

        async def there() -> bool:
            return any(one.body == body.encode() for one in await stored_in(connection, stream, subject))

        await eventually(there, what=f"{subject} in {stream}")
    assert _refusal(subject, body) == ""


def _refusal(subject: str, body: str) -> str:
    try:
        msgspec.json.decode(body.encode(), type=class_of(subject.removesuffix(wire.MANUAL)))
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def test_every_message_has_a_command() -> None:
    """The page shows how each is published."""
    shown = {
        command.words[2].removesuffix(wire.MANUAL) for command in COMMANDS if command.document.startswith("contracts/R")
    }
    subjects = {sample.subject for sample in samples.read() if sample.subject.startswith("jobs.")}
    assert subjects <= shown
    assert any(subject.startswith("cron.") for subject in shown)


def test_the_readme_has_one() -> None:
    """And it is read, quotes and all."""
    (first, *_) = [command for command in COMMANDS if command.document == "README.md"]
    assert first.words[:3] == ["nats", "pub", "jobs.email.send"]
    assert json.loads(first.words[3])["to"]

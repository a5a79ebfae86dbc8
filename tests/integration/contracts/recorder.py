"""Writes down everything that is published at a broker, as anybody could hear it, and judges it by the contracts."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import nats
from nats.aio.client import Client

from nightshift.broker.storage_probe import PROBE
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.constraints import explain
from nightshift.contract.headers import KINDS, kind_of
from nightshift.topology import discovery
from tools.contracts.generate import FOLDER
from tools.contracts.schemas import EVENT

if TYPE_CHECKING:
    from nightshift.documents.schemas import Schema

OURS = ("jobs.>", "later.>", "due.>", "dead.>", "cron.>", "paused.>", "workers.>")
TEST = "X-Test"
"""A header that tests put on what they publish: it tells their messages from a service's, and travels into copies."""


@dataclass(frozen=True)
class Published:
    """A message on its way to the broker."""

    subject: str
    headers: dict[str, str]
    body: bytes

    @property
    def by_test(self) -> bool:
        """Whether a test published it: a copy for later and a dead letter are a service's, with the same header."""
        return TEST in self.headers and kind_of(self.subject) in {"jobs", "cron", "cron.manual"}


@dataclass
class Recorder:
    """All that was published since it began to listen."""

    messages: list[Published] = field(default_factory=list)

    def by_service(self) -> list[Published]:
        """What the services published; what is due, the broker did."""
        others = {"due", "workers.ping"}
        return [one for one in self.messages if not one.by_test and not {kind_of(one.subject), one.subject} & others]

    def on(self, subject: str) -> list[Published]:
        """What came on a subject, or on those below one that ends in `.`."""
        return [
            one
            for one in self.messages
            if one.subject == subject or (subject[-1] == "." and one.subject.startswith(subject))
        ]


@asynccontextmanager
async def recording(url: str) -> AsyncIterator[tuple[Recorder, Client]]:
    """Listens to all of our subjects, with the official client; its connection is there to publish with as well."""
    recorder, client = Recorder(), await nats.connect(url)

    async def note(message: Any) -> None:
        if PROBE in message.subject.split(".") and not message.data:
            return  # no job, taken back at once, and to nobody: a worker tries whether the broker stores
        recorder.messages.append(Published(message.subject, dict(message.headers or {}), message.data))

    for subject in OURS:
        await client.subscribe(subject, cb=note)
    await client.flush()
    try:
        yield recorder, client
    finally:
        await client.close()


def undeclared(service: str, message: Published) -> list[str]:
    """Returns what no contract declares in a message that a service published; a line each."""
    kind = kind_of(message.subject)
    if message.subject == discovery.reply_subject(service):
        return [] if _understood(message.body) else [f"{service} on {message.subject}: no answer to a ping"]
    if not kind:
        return [f"{service} published on {message.subject}, which is no subject of ours"]
    found = [*_subject(service, kind, message), *_headers(kind, message)]
    if kind != "dead":
        found += _body(kind, message)
    return [f"{service} on {message.subject}: {line}" for line in found]


def _understood(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=discovery.WorkerInfo)
    except msgspec.ValidationError:
        return False
    return True


def _subject(service: str, kind: str, message: Published) -> Iterator[str]:
    job_type = _type(kind, message)
    own, headers = wire.service_of(job_type) == service, message.headers
    follows = job_type in load_catalogue().publishes.get(service, ())
    allowed = {
        "jobs": follows,
        "later": own or follows,
        "dead": own or job_type.startswith("cron."),
        "cron": service == "scheduler",
    }
    if not allowed.get(kind, False):
        yield "the contracts do not say that it publishes this"
    if kind == "jobs" and headers.get(wire.MSG_ID) != f"{job_type}/{headers.get(wire.JOB_ID)}":
        yield f"{wire.MSG_ID} is {headers.get(wire.MSG_ID)!r}, expected <type>/<job id>"
    if kind == "later" and message.subject != wire.later_subject(job_type, headers.get(wire.JOB_ID, "")):
        yield f"{wire.JOB_ID} {headers.get(wire.JOB_ID)!r} is not the one in the subject"
    if kind == "later" and headers.get("Nats-Schedule-Target") != wire.due_subject(job_type):
        yield "its target is another type's"


def _headers(kind: str, message: Published) -> Iterator[str]:
    declared = {field.encode_name for field in msgspec.structs.fields(KINDS[kind])}
    travelling = {name for name in message.headers if name.startswith("X-")} if TEST in message.headers else set()
    for name in sorted(message.headers.keys() - declared - travelling):
        yield f"the header {name} is not declared"
    try:
        msgspec.convert(message.headers, KINDS[kind])
    except msgspec.ValidationError as error:
        yield f"headers: {explain(error)}"


def _body(kind: str, message: Published) -> Iterator[str]:
    if wire.CLAIM in message.headers:
        return
    subject = EVENT if kind.startswith("cron") else f"jobs.{_type(kind, message)}"
    try:
        body = json.loads(message.body)
    except ValueError:
        yield "the body is no JSON"
        return
    yield from (f"{error.json_path}: {error.message[:200]}" for error in _strict(subject).iter_errors(body))


def _type(kind: str, message: Published) -> str:
    job_type = wire.type_of(message.subject) if kind != "cron" else message.subject
    return job_type.rpartition(".")[0] if kind == "later" else job_type


@cache
def _strict(subject: str) -> jsonschema.Draft202012Validator:
    """The committed schema, in which a field that nobody declared is an error."""
    schema: Schema = json.loads((FOLDER / "schemas" / f"{subject}.json").read_bytes())
    strict = deepcopy(schema)
    for part in (strict, *strict.get("$defs", {}).values()):
        part["additionalProperties"] = False
    return jsonschema.Draft202012Validator(strict)

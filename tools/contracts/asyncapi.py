"""Generate the AsyncAPI 3 document: servers, channels, messages, headers and operations, with samples."""

import inspect
from typing import Any

import msgspec

from nightshift.contract.cron import ScheduleFired
from nightshift.contract.headers import KINDS, kind_of
from nightshift.contract.message import Message
from nightshift.contract.wire import DUE, JOBS, MANUAL, safe_token
from nightshift.documents.schemas import beyond, tidy, tries
from tools.contracts import operator_channels
from tools.contracts.operations import Operation, channels, operations
from tools.contracts.samples import Sample, class_of
from tools.contracts.topology import retries

_REFERENCE = "#/components/schemas/{name}"
_PURPOSES = {
    "jobs": "Jobs to do now.",
    "later": "Jobs that wait for their time: a message schedule each, whose target is the channel of due jobs.",
    "due": "Jobs whose time has come; only the broker publishes here.",
    "dead": "Jobs that were given up on: the body as it came, and why.",
    "cron": "Events of a schedule, one per due time.",
    "cron.manual": "The same events, asked for by hand.",
}
Content = dict[str, Any]


def document(version: str, samples: list[Sample]) -> Content:
    """Return the document."""
    addresses = channels()
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Nightshift",
            "version": version,
            "description": "Background jobs on NATS JetStream. Anything that can publish to NATS is a producer: a job "
            "is its JSON body on the subject of its type, and everything else is an optional header. Wait for the "
            "broker's acknowledgement (a request, not a bare publish): it is what makes a job accepted.",
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {**{address: _channel(address) for address in addresses}, **operator_channels.channels()},
        "operations": {**{one.key: _operation(one) for one in operations()}, **operator_channels.operations()},
        "components": {
            "messages": {
                **{address: _message(address, samples) for address in addresses},
                **operator_channels.messages(),
            },
            "schemas": _schemas(addresses),
        },
    }


def _servers() -> Content:
    return {
        "embedded": {
            "host": "127.0.0.1:{port}",
            "protocol": "nats",
            "description": "The stack of `make up`, which prints its port.",
            "variables": {"port": {"default": "4222", "description": "A free one, if this one is taken."}},
        },
        "cluster": {
            "host": "{host}:4222",
            "protocol": "nats",
            "description": "A broker of your own: nats-server 2.14 or later with JetStream.",
            "variables": {"host": {"default": "nats", "description": "Host name of the broker."}},
            "security": [{"type": "userPassword", "description": "User and password, as the operator gives them out."}],
        },
    }


def _channel(address: str) -> Content:
    kind = kind_of(address)
    content: Content = {
        "address": address,
        "title": address,
        "description": _PURPOSES[kind],
        "messages": {_name(address): {"$ref": f"#/components/messages/{address}"}},
    }
    if kind == "later":
        content["address"] += ".{jobId}"
        content["parameters"] = {
            "jobId": {
                "description": "The job's id, or `~` and its SHA-256 where it is longer than 200 bytes or not of "
                "[A-Za-z0-9_-].",
                "examples": ["welcome-17", safe_token("welcome to the team")],
            }
        }
    return content


def _operation(operation: Operation) -> Content:
    channel = f"#/channels/{operation.channel}"
    return {
        "action": operation.action,
        "title": f"{operation.part} {operation.action}s {operation.channel}",
        "summary": operation.summary,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{_name(operation.channel)}"}],
        "tags": [{"name": operation.part}],
    }


def _message(address: str, samples: list[Sample]) -> Content:
    cls = _class(address)
    summary, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
    described = [] if cls is ScheduleFired else [tries(cls.RETRIES)]
    description = [rest.strip(), *described, *beyond(tidy(msgspec.json.schema(cls)))]
    content: Content = {
        "name": _name(address),
        "title": f"{cls.__name__} on {address}",
        "summary": summary.replace("\n", " "),
        "description": "\n\n".join(filter(None, description)),
        "contentType": "application/json",
        "headers": {"$ref": _reference(KINDS[kind_of(address)])},
        "payload": {"$ref": _reference(cls)},
    }
    if described:
        content["x-retries"] = retries(cls)
    examples = [
        {"name": sample.name, "summary": sample.title, "payload": sample.value()}
        for sample in samples
        if sample.valid and sample.subject == address
    ]
    if kind_of(address) == "dead":
        # Whatever was published may be here, also what fits no schema.
        content["payload"] = {"description": "The body as it came, which may be no JSON at all."}
    return {**content, "examples": examples} if examples else content


def _schemas(addresses: list[str]) -> Content:
    types = [*{_class(address) for address in addresses}, *KINDS.values(), *operator_channels.payloads()]
    _, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return {name: tidy(components[name]) for name in sorted(components)}


def _class(address: str) -> type[Message]:
    kind, _, rest = address.partition(".")
    if kind == "cron" or rest.startswith("cron."):
        return class_of("cron." + rest.removesuffix(MANUAL))
    return class_of(JOBS + rest)


def _name(address: str) -> str:
    """Return a message's name in its channel: its class, and its state there."""
    ends = {DUE: "Due", "later.": "Later", "dead.": "Dead"}
    return _class(address).__name__ + next((end for start, end in ends.items() if address.startswith(start)), "")


def _reference(cls: type[msgspec.Struct]) -> str:
    return _REFERENCE.format(name=cls.__name__)

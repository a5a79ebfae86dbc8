"""The channels between the command line and the processes: running processes, and paused schedules."""

import inspect
from dataclasses import dataclass
from typing import Any

import msgspec

from nightshift.contract.audit import AuditEntry
from nightshift.contract.job_events import CancelJob, FindJob, JobEvents, JobQuestion
from nightshift.topology import discovery
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.schedule_pauses import Pause

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OperatorChannel:
    """A channel that producers do not use."""

    key: str
    address: str
    payload: type[msgspec.Struct]
    summary: str
    parameter: str = ""

    @property
    def name(self) -> str:
        """The message's name."""
        return self.payload.__name__


PING = OperatorChannel(
    "workers.ping", discovery.PING, discovery.Ping, "The operator asks who is there; nothing is stored."
)
HERE = OperatorChannel(
    "workers.here",
    f"{discovery.HERE}.{{service}}",
    WorkerInfo,
    "A process says that it is there, when it is asked.",
    "service",
)
PAUSED = OperatorChannel(
    "paused",
    "paused.{schedule}",
    Pause,
    "A schedule is paused; its message is purged when it is resumed.",
    "schedule",
)
ASK = OperatorChannel(
    "workers.ask",
    discovery.ASK,
    JobQuestion,
    "Somebody asks how far a job is; the worker that runs it tells so on `events.<service>`.",
)
CANCEL = OperatorChannel(
    "workers.cancel",
    f"{discovery.CANCEL}.{{type}}",
    CancelJob,
    "Somebody stops a job; the worker that has it tells on `events.<service>` how it ended.",
    "type",
)
FIND = OperatorChannel(
    "workers.find",
    f"{discovery.FIND}.{{type}}",
    FindJob,
    "Whoever waits for a job's result asks how it has ended; one worker of the service looks it up.",
    "type",
)
FOUND = OperatorChannel(
    "workers.found",
    f"{discovery.FOUND}.{{type}}",
    JobEvents,
    "A worker tells how a job has ended, and what it returned; nothing is stored.",
    "type",
)
EVENTS = OperatorChannel(
    "events",
    "events.{service}",
    JobEvents,
    "Workers tell what becomes of their jobs; kept for three days in the stream EVENTS.",
    "service",
)
AUDIT = OperatorChannel(
    "audit",
    "audit.{part}",
    AuditEntry,
    "A person does something: told before it is done and again afterwards, kept for 400 days in the stream AUDIT.",
    "part",
)
ALL = (PING, HERE, PAUSED, ASK, CANCEL, FIND, FOUND, EVENTS, AUDIT)
_OPERATIONS = (
    ("operator", "send", PING),
    ("process", "receive", PING),
    ("process", "send", HERE),
    ("operator", "receive", HERE),
    ("operator", "send", PAUSED),
    ("scheduler", "receive", PAUSED),
    ("operator", "send", ASK),
    ("gateway", "send", ASK),
    ("process", "receive", ASK),
    ("operator", "send", CANCEL),
    ("gateway", "send", CANCEL),
    ("process", "receive", CANCEL),
    ("operator", "send", FIND),
    ("process", "receive", FIND),
    ("process", "send", FOUND),
    ("operator", "receive", FOUND),
    ("process", "send", EVENTS),
    ("operator", "receive", EVENTS),
    ("gateway", "receive", EVENTS),
    ("operator", "send", AUDIT),
    ("operator", "receive", AUDIT),
    ("console", "send", AUDIT),
    ("console", "receive", AUDIT),
)


def channels() -> Content:
    """Return the channels by key."""
    return {one.key: _channel(one) for one in ALL}


def messages() -> Content:
    """Return the messages by the key of their channel."""
    return {one.key: _message(one) for one in ALL}


def operations() -> Content:
    """Return the operations by key."""
    return {f"{part}.{action}.{one.key}": _operation(part, action, one) for part, action, one in _OPERATIONS}


def payloads() -> list[type[msgspec.Struct]]:
    """Return the types of the bodies."""
    return [one.payload for one in ALL]


def _channel(one: OperatorChannel) -> Content:
    content: Content = {
        "address": one.address,
        "title": one.key,
        "description": one.summary,
        "messages": {one.name: {"$ref": f"#/components/messages/{one.key}"}},
    }
    if one.parameter:
        content["parameters"] = {one.parameter: {"description": f"Name of the {one.parameter}."}}
    return content


def _message(one: OperatorChannel) -> Content:
    payload = {"$ref": f"#/components/schemas/{one.payload.__name__}"}
    description = inspect.cleandoc(one.payload.__doc__ or "")
    return {"name": one.name, "title": f"{one.name} on {one.key}", "summary": description, "payload": payload}


def _operation(part: str, action: str, one: OperatorChannel) -> Content:
    channel = f"#/channels/{one.key}"
    return {
        "action": action,
        "title": f"{part} {action}s {one.key}",
        "summary": one.summary,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{one.name}"}],
        "tags": [{"name": part}],
    }

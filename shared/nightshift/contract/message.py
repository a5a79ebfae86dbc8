"""The base of every message."""

import re
from typing import ClassVar, TypeVar, dataclass_transform

import msgspec

from nightshift.backoff import Retries
from nightshift.contract.wire import RESERVED_SERVICES, service_of

_JOB_SUBJECT = re.compile(r"jobs\.([a-z][a-z0-9-]*\.[a-z][a-z0-9-]*(?:\.v[2-9])?)")
_EVENT_SUBJECT = "cron.>"

M = TypeVar("M", bound="Message")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message type: its fields are the JSON body, in camelCase, with nothing around them.

    A subclass names its `SUBJECT`, once, and its `RETRIES` where its jobs are to be tried more or less often than
    others. `TIMEOUT_SECONDS` is the most that its handler may take; where all types of a service say a minute or less,
    its queue is emptied in bulk. None: the setting of the service.

    Raises:
        TypeError: at import, when `SUBJECT` is missing, malformed, or of a service whose name is taken.
    """

    SUBJECT: ClassVar[str] = ""
    TYPE: ClassVar[str] = ""
    RETRIES: ClassVar[Retries] = Retries()
    TIMEOUT_SECONDS: ClassVar[float | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _name(cls)


def _name(cls: type[Message]) -> None:
    """Set the job type that the subject names; an event has none."""
    subject = cls.__dict__.get("SUBJECT", "")
    if subject == _EVENT_SUBJECT:
        return
    match = _JOB_SUBJECT.fullmatch(subject)
    if match is None:
        raise TypeError(f"{cls.__name__}: SUBJECT is {subject!r}, expected 'jobs.<service>.<verb>' in lower case")
    service = service_of(match[1])
    if service in RESERVED_SERVICES:
        raise TypeError(f"{cls.__name__}: SUBJECT is {subject!r}, but the name {service} {RESERVED_SERVICES[service]}")
    cls.TYPE = match[1]

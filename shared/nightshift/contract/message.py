"""The base of every message, and the catalogue of those that exist."""

import re
from typing import ClassVar, TypeVar, dataclass_transform

import msgspec

_JOB_SUBJECT = re.compile(r"jobs\.([a-z][a-z0-9-]*\.[a-z][a-z0-9-]*(?:\.v[2-9])?)")
_EVENT_SUBJECT = "cron.>"

M = TypeVar("M", bound="Message")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message type: its fields are the JSON body, in camelCase, with nothing around them.

    A subclass names its `SUBJECT`, once, and is in the `CATALOGUE` from then on.

    Raises:
        TypeError: at import, when `SUBJECT` is missing, malformed, or taken by another class.
    """

    SUBJECT: ClassVar[str] = ""
    TYPE: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _register(cls)


CATALOGUE: dict[str, type[Message]] = {}
"""Every job type that exists, by its name on the wire (`email.send`)."""


def _register(cls: type[Message]) -> None:
    subject = cls.__dict__.get("SUBJECT", "")
    if subject == _EVENT_SUBJECT:
        return
    match = _JOB_SUBJECT.fullmatch(subject)
    if match is None:
        raise TypeError(f"{cls.__name__}: SUBJECT is {subject!r}, expected 'jobs.<service>.<verb>' in lower case")
    job_type = match[1]
    if job_type in CATALOGUE:
        raise TypeError(f"{cls.__name__}: SUBJECT {subject!r} belongs to {CATALOGUE[job_type].__name__} already")
    cls.TYPE = job_type
    CATALOGUE[job_type] = cls

"""The names that follow from a job type."""

import keyword
import re
from dataclasses import dataclass

from nightshift.contract.wire import RESERVED_SERVICES

_TYPE = re.compile(r"([a-z][a-z0-9]*)\.([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")


class InvalidNameError(ValueError):
    """It cannot be a job type; the text says what is expected."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a job in each place."""

    service: str
    verb: str

    @property
    def type(self) -> str:
        """The job type: `email.digest`."""
        return f"{self.service}.{self.verb}"

    @property
    def subject(self) -> str:
        """The subject on which it is published: `jobs.email.digest`."""
        return f"jobs.{self.type}"

    @property
    def module(self) -> str:
        """The module of handler and test: `digest`."""
        return self.verb.replace("-", "_")

    @property
    def function(self) -> str:
        """The handler: `digest_email`."""
        return f"{self.module}_{self.service}"

    @property
    def message(self) -> str:
        """The class of the message: `DigestEmail`."""
        return "".join(part.capitalize() for part in self.function.split("_"))


def names_of(job_type: str) -> Names:
    """Return the names of a job type.

    Raises:
        InvalidNameError: it is not a job type; the text says what is expected.
    """
    match = _TYPE.fullmatch(job_type)
    if match is None or any(map(keyword.iskeyword, match.groups())):
        raise InvalidNameError(
            f"{job_type!r} is not a job type: expected <service>.<verb> in lower case, not a keyword of Python, "
            "such as email.digest"
        )
    if match[1] in RESERVED_SERVICES:
        raise InvalidNameError(f"{job_type!r} cannot be made: the name {match[1]} {RESERVED_SERVICES[match[1]]}")
    return Names(match[1], match[2])

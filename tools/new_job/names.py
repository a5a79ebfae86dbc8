"""Every name that follows from a job type."""

import keyword
import re
from dataclasses import dataclass

_TYPE = re.compile(r"([a-z][a-z0-9]*)\.([a-z][a-z0-9-]*)")


class InvalidNameError(ValueError):
    """What was asked for cannot be a job type."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the job is called where."""

    service: str
    verb: str

    @property
    def type(self) -> str:
        """On the wire: `email.digest`."""
        return f"{self.service}.{self.verb}"

    @property
    def subject(self) -> str:
        """Where it is published: `jobs.email.digest`."""
        return f"jobs.{self.type}"

    @property
    def module(self) -> str:
        """Of handler and test: `digest`."""
        return self.verb.replace("-", "_")

    @property
    def function(self) -> str:
        """Of the handler: `digest_email`."""
        return f"{self.module}_{self.service}"

    @property
    def message(self) -> str:
        """Class of the message: `DigestEmail`."""
        return "".join(part.capitalize() for part in self.function.split("_"))


def names_of(job_type: str) -> Names:
    """Returns the names of a job type.

    Raises:
        InvalidNameError: it is no job type; says what is expected.
    """
    match = _TYPE.fullmatch(job_type)
    if match is None or keyword.iskeyword(match[2]):
        raise InvalidNameError(
            f"{job_type!r} is no job type: expected <service>.<verb> in lower case and no word of Python's, "
            "such as email.digest"
        )
    return Names(match[1], match[2])

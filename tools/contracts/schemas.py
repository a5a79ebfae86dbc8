"""Generate a JSON Schema (2020-12) of each message and of each kind of headers."""

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.headers import KINDS
from nightshift.contract.message import Message
from nightshift.documents.schemas import Schema, message_schema, schema_of
from tools.contracts.samples import Sample, of_message

EVENT = "cron"
"""Name of the one message that is no job."""


def messages() -> dict[str, type[Message]]:
    """Return every message by its name: job types, and `cron` for the events of schedules."""
    return {**dict(sorted(load_catalogue().messages.items())), EVENT: ScheduleFired}


def subject_of(name: str) -> str:
    """Return a message's subject as it is used in file names: `jobs.email.send`, `cron`."""
    return name if name == EVENT else f"jobs.{name}"


def message_schemas(samples: list[Sample]) -> dict[str, Schema]:
    """Return the schema of each message by subject, with its valid samples as examples."""
    return {
        subject_of(name): message_schema(
            cls, subject_of(name), [sample.value() for sample in of_message(name, samples) if sample.valid]
        )
        for name, cls in messages().items()
    }


def header_schemas() -> dict[str, Schema]:
    """Return the schema of each kind of headers, as an object of strings, by the first token of the subject."""
    return {kind: schema_of(cls, f"headers.{kind}") for kind, cls in KINDS.items()}

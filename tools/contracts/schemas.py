"""Generate a JSON Schema (2020-12) of each message and of each kind of headers."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.constraints import as_written, words_of
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.headers import KINDS
from nightshift.contract.message import Message
from tools.contracts.patterns import loses, portable
from tools.contracts.samples import Sample, of_message

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EVENT = "cron"
"""Name of the one message that is no job."""
Schema = dict[str, Any]

TEXT = (
    "Beyond this schema: the body is one JSON object in UTF-8 and nothing around it; no text holds half of a surrogate "
    "pair; a field that is named twice has to be right both times, and the last one counts; at most 500 levels deep."
)
WHOLE_NUMBER = "Whole numbers are written without fraction and exponent (`7`, not `7.0`)."
BEYOND_PATTERN = "Beyond the pattern: "
"""Begins what a portable pattern cannot say, in the description of its field."""
REAL_DAY = "A date must be a day that exists (no 30th of February, no year 0)."


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


def message_schema(cls: type[Message], subject: str, examples: list[Any]) -> Schema:
    """Return the schema of one message, without references to others."""
    schema = _alone(cls, subject)
    if subject != EVENT:
        schema["description"] += f"\n\n{tries(cls)}"
    schema["description"] += f"\n\n{' '.join(beyond(schema))}"
    return {**schema, "examples": examples} if examples else schema


def tries(cls: type[Message]) -> str:
    """Say how often a job of this type is tried; a keyword of our own would be refused by strict validators."""
    return f"A job that fails is tried again: {cls.RETRIES}; then it is a dead letter."


def header_schemas() -> dict[str, Schema]:
    """Return the schema of each kind of headers, as an object of strings, by the first token of the subject."""
    return {kind: _alone(cls, f"headers.{kind}") for kind, cls in KINDS.items()}


def beyond(schema: Schema) -> Iterator[str]:
    """Yield what the decoder refuses and a JSON Schema cannot express."""
    text = json.dumps(schema)
    yield TEXT
    if '"type": "integer"' in text:
        yield WHOLE_NUMBER
    if '"format": "date-time"' in text:
        yield REAL_DAY


def _alone(cls: type[msgspec.Struct], name: str) -> Schema:
    schema = tidy(msgspec.json.schema(cls))
    definitions = schema["$defs"]
    root = definitions.pop(cls.__name__)
    identity = {"$schema": DIALECT, "$id": f"urn:nightshift:schema:{name}"}
    return {**identity, **root, **({"$defs": definitions} if definitions else {})}


def tidy(value: Any) -> Any:
    """Return the same with descriptions as they are read, and patterns as every dialect reads them."""
    if isinstance(value, Mapping):
        tidied = {key: tidy(part) for key, part in value.items()}
        if isinstance(value.get("description"), str):
            tidied["description"] = inspect.cleandoc(value["description"])
        if isinstance(value.get("pattern"), str):
            tidied |= _published(value["pattern"], tidied.get("description", ""))
        return tidied
    return [tidy(part) for part in value] if isinstance(value, list) else value


def _published(pattern: str, description: str) -> dict[str, str]:
    """Return the pattern in its portable form; what that cannot say is said in the description."""
    words, pattern = words_of(pattern), as_written(pattern)
    if not (words and loses(pattern)):
        return {"pattern": portable(pattern)}
    return {"pattern": portable(pattern), "description": f"{description} {BEYOND_PATTERN}{words}.".strip()}

"""Generate a JSON Schema (2020-12) of a message, and of anything else that is a class of fields."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from nightshift.backoff import Retries
from nightshift.contract.constraints import as_written, words_of
from nightshift.contract.message import Message
from nightshift.documents.patterns import loses, portable

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

TEXT = (
    "Beyond this schema: the body is one JSON object in UTF-8 and nothing around it; no text holds half of a surrogate "
    "pair; a field that is named twice has to be right both times, and the last one counts; at most 500 levels deep."
)
WHOLE_NUMBER = "Whole numbers are written without fraction and exponent (`7`, not `7.0`)."
BEYOND_PATTERN = "Beyond the pattern: "
"""Begins what a portable pattern cannot say, in the description of its field."""
REAL_DAY = "A date must be a day that exists (no 30th of February, no year 0)."


def message_schema(cls: type[Message], subject: str, examples: list[Any], retries: Retries | None = None) -> Schema:
    """Return the schema of one message, without references to others."""
    schema = schema_of(cls, subject)
    if cls.TYPE:
        described = f"{schema.get('description', cls.__name__)}\n\n{tries(retries or cls.RETRIES)}"
    else:
        described = schema["description"]
    schema["description"] = f"{described}\n\n{' '.join(beyond(schema))}"
    return {**schema, "examples": examples} if examples else schema


def tries(retries: Retries) -> str:
    """Say how often a job of this type is tried; a keyword of our own would be refused by strict validators."""
    return f"A job that fails is tried again: {retries}; then it is a dead letter."


def beyond(schema: Schema) -> Iterator[str]:
    """Yield what the decoder refuses and a JSON Schema cannot express."""
    text = json.dumps(schema)
    yield TEXT
    if '"type": "integer"' in text:
        yield WHOLE_NUMBER
    if '"format": "date-time"' in text:
        yield REAL_DAY


def schema_of(cls: type[msgspec.Struct], name: str) -> Schema:
    """Return the schema of a class, without references to others; its description is its docstring."""
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


def branches(schema: Schema, definitions: Schema) -> list[Schema]:
    """Return the alternatives of a schema, with references resolved."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return branches(definitions[name], definitions)
    if "anyOf" in schema:
        return [branch for part in schema["anyOf"] for branch in branches(part, definitions)]
    return [schema]

"""Read message pacts (Pact specification, version 4): what others publish to us, or read of ours.

A pact is the file `contracts/pacts/<consumer>-<provider>.json`. One of the two is a part of Nightshift. The metadata of
each message name its `subject`, beside the headers that matter. Pact's own verifier checks what our providers publish.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from nightshift.contract.constraints import explain
from nightshift.contract.headers import KINDS, kind_of
from tools.contracts.generate import FOLDER
from tools.contracts.operations import operations
from tools.contracts.samples import class_of

PACTS = FOLDER / "pacts"
SUBJECT, CONTENT_TYPE = "subject", "contentType"
PARTS = frozenset(operation.part for operation in operations())
"""The consumers and providers that are ours."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One message, as its consumer understands it."""

    description: str
    subject: str
    content: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Pact:
    """The expectations of one consumer of one provider."""

    path: Path
    consumer: str
    provider: str
    interactions: list[Interaction]


def read(folder: Path = PACTS) -> list[Pact]:
    """Read all pacts of a folder.

    Raises:
        ValueError: a file is no message pact of version 4, or not one with a part of ours; says which and why.
    """
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def refused_by_consumer(interaction: Interaction) -> list[str]:
    """Return why our consumer does not take the message that a provider promises; a line each."""
    try:
        message = class_of(interaction.subject)
        msgspec.json.decode(json.dumps(interaction.content).encode(), type=message)
        # A pact names the headers that matter to it; those are checked, each by itself.
        for field in msgspec.structs.fields(KINDS[kind_of(interaction.subject)]):
            if field.encode_name in interaction.headers:
                msgspec.convert(interaction.headers[field.encode_name], field.type)
    except (LookupError, msgspec.ValidationError) as error:
        return [f"{interaction.description}: {explain(error)}"]
    return []


def _read(path: Path) -> Pact:
    content = json.loads(path.read_bytes())
    version = content["metadata"]["pactSpecification"]["version"]
    if not version.startswith("4"):
        raise ValueError(f"{path.name}: a pact of version {version}, expected 4.0")
    consumer, provider = content["consumer"]["name"], content["provider"]["name"]
    if path.stem != f"{consumer}-{provider}":
        raise ValueError(f"{path.name}: a pact of {consumer} with {provider}, expected {consumer}-{provider}.json")
    if not PARTS & {consumer, provider}:
        raise ValueError(f"{path.name}: neither {consumer} nor {provider} is ours: {', '.join(sorted(PARTS))}")
    return Pact(path, consumer, provider, [_interaction(path, one) for one in content["interactions"]])


def _interaction(path: Path, content: dict[str, Any]) -> Interaction:
    if content["type"] != "Asynchronous/Messages":
        raise ValueError(f"{path.name}: an interaction of type {content['type']}, expected Asynchronous/Messages")
    metadata = dict(content["metadata"])
    metadata.pop(CONTENT_TYPE, None)
    if SUBJECT not in metadata:
        raise ValueError(f"{path.name}: {content['description']!r} names no {SUBJECT} in its metadata")
    return Interaction(content["description"], metadata.pop(SUBJECT), content["contents"]["content"], metadata)

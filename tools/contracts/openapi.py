"""Generate the OpenAPI 3.1 document of the shipped gateway, with the valid samples as examples."""

from typing import Any

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.message import Message
from nightshift.gateway.documents import openapi
from nightshift.gateway.settings import NEVER
from services.gateway.files.documented import DOCUMENTED
from tools.contracts.samples import Sample, of_message


def offered() -> dict[str, type[Message]]:
    """Return every job type that a setting may offer over HTTP, with its contract."""
    catalogue = load_catalogue()
    return {name: catalogue.messages[name] for name in sorted(catalogue.public()) if name not in NEVER}


def document(version: str, samples: list[Sample]) -> dict[str, Any]:
    """Return the document."""
    messages = offered()
    examples = {
        name: {
            sample.name: {"summary": sample.title, "value": sample.value()}
            for sample in of_message(name, samples)
            if sample.valid
        }
        for name in messages
    }
    return openapi.document(version, messages, DOCUMENTED, examples)

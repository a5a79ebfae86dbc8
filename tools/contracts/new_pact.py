"""Write the pact of one message from its smallest sample, so that nobody types one: what our consumer understands."""

import json
from pathlib import Path
from typing import Any

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.wire import CRON, is_event, job_subject, service_of
from tools.contracts import samples
from tools.contracts.pacts import CONTENT_TYPE, PACTS, SUBJECT

_JSON = "application/json"
_ANY_VALUE = {"combine": "AND", "matchers": [{"match": "type"}]}
"""For a path and all below it: the value may differ, its type may not."""
_THIS_VALUE = {"combine": "AND", "matchers": [{"match": "equality"}]}


def write(provider: str, job_type: str, folder: Path = PACTS) -> str:
    """Add what the consumer of a job type, or of an event `cron.<name>`, expects of a provider; return the file's name.

    Raises:
        LookupError: there is no such message, no sample of it, or its pact exists; the text says which there are.
    """
    consumer, subject = _consumer(job_type), job_type if is_event(job_type) else job_subject(job_type)
    file = folder / f"{consumer}-{provider}.json"
    pact = json.loads(file.read_bytes()) if file.exists() else _empty(consumer, provider)
    if any(one["metadata"].get(SUBJECT) == subject for one in pact["interactions"]):
        raise LookupError(f"contracts/pacts/{file.name} has {subject} already")
    pact["interactions"].append(_interaction(subject, provider))
    file.write_text(json.dumps(pact, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file.name


def _consumer(job_type: str) -> str:
    catalogue = load_catalogue()
    known = catalogue.event_consumers if is_event(job_type) else {service_of(name): "" for name in catalogue.messages}
    first = job_type.removeprefix(CRON).partition(".")[0]
    if first not in known:
        raise LookupError(f"nobody handles {job_type!r}; there are: {', '.join(sorted(known))}")
    return known[first] or first


def _empty(consumer: str, provider: str) -> dict[str, Any]:
    return {
        "consumer": {"name": consumer},
        "provider": {"name": provider},
        "interactions": [],
        "metadata": {"pactSpecification": {"version": "4.0"}},
    }


def _interaction(subject: str, provider: str) -> dict[str, Any]:
    return {
        "type": "Asynchronous/Messages",
        "description": f"{subject}, as {provider} publishes it",
        "pending": False,
        "contents": {"content": _example(subject), "contentType": _JSON, "encoded": False},
        "metadata": {CONTENT_TYPE: _JSON, SUBJECT: subject},
        "matchingRules": {"body": {"$": _ANY_VALUE, **({"$.name": _THIS_VALUE} if is_event(subject) else {})}},
    }


def _example(subject: str) -> Any:
    """Return the smallest valid body; of an event, that of any schedule with this one's name.

    Raises:
        LookupError: there is no such message, or no sample of it.
    """
    samples.class_of(subject)
    bodies = [one.value() for one in samples.read() if one.valid and _is_like(one.subject, subject)]
    if not bodies:
        raise LookupError(f"there is no valid sample of {subject} in contracts/samples: write one first")
    smallest = min(bodies, key=lambda body: len(json.dumps(body)))
    return {**smallest, "name": subject.removeprefix(CRON)} if is_event(subject) else smallest


def _is_like(subject: str, wanted: str) -> bool:
    """Return whether bodies on a subject have the form of those wanted; all events have one."""
    return subject == wanted or (is_event(subject) and is_event(wanted))

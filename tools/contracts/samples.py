"""Read the samples: real bodies of every message, valid and invalid ones."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.message import Message
from nightshift.contract.wire import CRON, type_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "contracts" / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """A body as it is published on `subject`; an invalid one with a part of its dead letter's error."""

    subject: str
    name: str
    body: bytes
    reason: str = ""

    @property
    def valid(self) -> bool:
        """Whether the contract accepts it."""
        return not self.reason

    @property
    def title(self) -> str:
        """The name of the file in words, which says what is special about it."""
        return self.name.replace("-", " ")

    def value(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def read(folder: Path = FOLDER) -> list[Sample]:
    """Return all samples below a folder, by subject, valid ones first."""
    valid = [_valid(path) for path in sorted(folder.glob("*/valid/*.json"))]
    invalid = [_invalid(path) for path in sorted(folder.glob("*/invalid/*.json"))]
    return sorted(valid + invalid, key=lambda sample: (sample.subject, not sample.valid, sample.name))


def of_message(name: str, samples: list[Sample]) -> list[Sample]:
    """Return the samples of a job type, or of all events for `cron`."""
    return [sample for sample in samples if _name(sample.subject) == name]


def class_of(subject: str) -> type[Message]:
    """Return the message class of a subject.

    Raises:
        LookupError: there is no such message.
    """
    if subject.startswith(CRON):
        return ScheduleFired
    messages, job_type = load_catalogue().messages, type_of(subject)
    if job_type not in messages:
        raise LookupError(f"{subject}: there is no message {job_type!r}; there are {', '.join(sorted(messages))}")
    return messages[job_type]


def _name(subject: str) -> str:
    return "cron" if subject.startswith(CRON) else type_of(subject)


def _valid(path: Path) -> Sample:
    return Sample(path.parents[1].name, path.stem, path.read_bytes().strip())


def _invalid(path: Path) -> Sample:
    content = json.loads(path.read_bytes())
    body = content["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    return Sample(path.parents[1].name, path.stem, raw, content["reason"])

"""What was asked of the gateway, which of it was answered with 2xx, and what is there at the end.

Whatever breaks a promise is named. Pure: it reads no queue, no table and no bucket.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_SHOWN = 12


@dataclass
class SentJobs:
    """Jobs that were handed over by one request, all or none, until it was answered."""

    ids: tuple[str, ...]
    answered: bool = False


@dataclass
class SentFile:
    """A file under a name that no other has, and every id that a 2xx gave it."""

    name: str
    digest: str
    keyed: bool
    """Whether all tries had one `Idempotency-Key`."""
    ids: set[str] = field(default_factory=set)


@dataclass
class Ledger:
    """Everything that was sent; `surprises` are answers that nobody should get, whatever is away."""

    jobs: list[SentJobs] = field(default_factory=list)
    files: list[SentFile] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    lost_answers: int = 0

    @property
    def answered(self) -> tuple[int, int]:
        """How many jobs and how many files were answered for."""
        return sum(len(sent.ids) for sent in self.jobs if sent.answered), sum(len(sent.ids) for sent in self.files)


@dataclass(frozen=True)
class FoundFile:
    """A file with an owner; `digest` is of its object, None where there is none."""

    id: str
    name: str
    status: str
    digest: str | None


@dataclass
class Facts:
    """What is found when all is quiet, and after the cleanup."""

    effects: Counter[str] = field(default_factory=Counter)
    """How often each job happened."""
    files: list[FoundFile] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    """Objects without a row, parts without an upload."""
    left: dict[str, int] = field(default_factory=dict)
    """What is still somewhere, and should have been worked off or cleaned up."""


def breaches(ledger: Ledger, facts: Facts) -> list[str]:
    """Return every broken promise in a sentence; none is good."""
    found = [
        *ledger.surprises,
        *_jobs(ledger.jobs, facts.effects),
        *_files(ledger.files, facts.files),
        *(f"{place} is loose at the object store" for place in facts.loose),
        *(f"{count} left in {place}" for place, count in facts.left.items() if count),
    ]
    return [*found[:_SHOWN], f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else found


def _jobs(sent: Iterable[SentJobs], effects: Counter[str]) -> Iterator[str]:
    known = set()
    for request in sent:
        known |= set(request.ids)
        there = [job_id for job_id in request.ids if effects[job_id]]
        yield from (f"job {job_id} happened {effects[job_id]} times" for job_id in there if effects[job_id] > 1)
        if request.answered:
            yield from (f"job {job_id} was answered for and is lost" for job_id in request.ids if job_id not in there)
        elif there and len(there) < len(request.ids):
            yield f"of a batch {there} happened, and not the rest of {request.ids}"
    yield from (f"job {job_id} happened, and nobody sent it" for job_id in effects if job_id not in known)


def _files(sent: Iterable[SentFile], found: Iterable[FoundFile]) -> Iterator[str]:
    there = {file.id: file for file in found}
    names = Counter(file.name for file in there.values())
    for file in sent:
        count = names.pop(file.name, 0)
        if file.keyed and count > 1:
            yield f"{file.name} is there {count} times, under one key"
        if file.keyed and len(file.ids) > 1:
            yield f"{file.name} was answered with {len(file.ids)} files, under one key"
        for file_id in file.ids:
            yield from _wrong(file, file_id, there.get(file_id))
    yield from (f"file {name} is there, and nobody sent it" for name in names)


def _wrong(file: SentFile, file_id: str, found: FoundFile | None) -> Iterator[str]:
    if found is None:
        yield f"{file.name} ({file_id}) was answered for and is lost"
    elif found.digest != file.digest:
        yield f"{file.name} ({file_id}) has no object, or one with other bytes: {found.digest}"
    elif found.status != "processed":
        yield f"{file.name} ({file_id}) was answered for and is {found.status}"

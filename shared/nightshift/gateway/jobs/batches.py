"""Reads a batch: many jobs of one type in one body, checked one by one, taken all or none."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from nightshift.contract.constraints import explain
from nightshift.gateway.jobs.contract_check import MOST_ERRORS, ContractCheck
from nightshift.gateway.jobs.ids import checked, full_id
from nightshift.gateway.problems import FieldError, Problem

MOST_JOBS = 1000


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: msgspec.Raw
    id: str | None = None


class _Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jobs: list[_Entry]


class BatchJob(NamedTuple):
    """One job of a batch."""

    job_id: str
    body: bytes


_decode = msgspec.json.Decoder(_Batch).decode


def read_batch(content: bytes, check: ContractCheck, user: str | None) -> list[BatchJob]:
    """Return the jobs of a batch.

    Raises:
        Problem: `invalid-json`, `invalid-job` with a pointer for every wrong field, `invalid-id`, or
            `duplicate-in-batch`.
    """
    entries = _entries(content)
    _check_bodies(entries, check)
    chosen = [entry.id if entry.id is None else checked(entry.id, f"/jobs/{n}/id") for n, entry in enumerate(entries)]
    _check_twice(chosen)
    return [BatchJob(full_id(one, user), bytes(entry.body)) for one, entry in zip(chosen, entries, strict=True)]


def _entries(content: bytes) -> Sequence[_Entry]:
    try:
        entries = _decode(content).jobs
    except msgspec.ValidationError as error:
        raise Problem("invalid-job", f'A batch is {{"jobs": [{{"id": …, "body": …}}, …]}}: {explain(error)}.') from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("invalid-json", f"The body cannot be read: {explain(error, content)}.") from None
    if not 1 <= len(entries) <= MOST_JOBS:
        raise Problem("invalid-job", f"A batch has 1 to {MOST_JOBS} jobs; this one has {len(entries)}.")
    return entries


def _check_bodies(entries: Sequence[_Entry], check: ContractCheck) -> None:
    errors: list[FieldError] = []
    for number, entry in enumerate(entries):
        try:
            check(entry.body, f"/jobs/{number}/body")
        except Problem as problem:
            errors += problem.errors or [FieldError(f"/jobs/{number}/body", problem.detail)]
            if len(errors) >= MOST_ERRORS:
                break
    if errors:
        raise Problem("invalid-job", "Jobs of the batch break their contract.", errors=errors[:MOST_ERRORS])


def _check_twice(chosen: Sequence[str | None]) -> None:
    seen: dict[str, int] = {}
    errors = []
    for number, one in enumerate(chosen):
        if one is not None and seen.setdefault(one, number) != number:
            errors.append(FieldError(f"/jobs/{number}/id", f"The same as /jobs/{seen[one]}/id."))
    if errors:
        raise Problem("duplicate-in-batch", "An id occurs twice.", errors=errors[:MOST_ERRORS])

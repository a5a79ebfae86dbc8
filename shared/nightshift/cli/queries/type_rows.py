"""The job types of a service: how many jobs of each wait or are dead, and what became of those that were run."""

import asyncio
from collections.abc import Sequence

import msgspec

from nightshift.broker import Connection
from nightshift.cli.queries.streams import stream_info
from nightshift.contract.catalogue import Catalogue
from nightshift.observability.metrics import AGAIN
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import dead_letter_stream, queue_stream

_FAILED = frozenset({"retry", "dead"})


class TypeRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One job type: how many jobs wait, and the outcomes of those that the running workers finished."""

    type: str
    waiting: int
    dead: int
    finished: int
    failed: int
    snoozed: int
    mean_seconds: float | None


async def type_rows(
    connection: Connection, catalogue: Catalogue, service: str, workers: Sequence[WorkerInfo]
) -> list[TypeRow]:
    """Return the types of a service, those that fail first; `workers` are its own.

    Raises:
        CommandError: its streams do not exist.
    """
    waiting, dead = await asyncio.gather(
        stream_info(connection, queue_stream(service), subjects_filter=f"jobs.{service}.>"),
        stream_info(connection, dead_letter_stream(service), subjects_filter=f"dead.{service}.>"),
    )
    in_queue: dict[str, int] = waiting["state"].get("subjects") or {}
    in_dlq: dict[str, int] = dead["state"].get("subjects") or {}
    names = set(catalogue.types_of(service))
    names |= {subject.partition(".")[2] for subject in (*in_queue, *in_dlq)}
    rows = [_type_row(name, in_queue.get(f"jobs.{name}", 0), in_dlq.get(f"dead.{name}", 0), workers) for name in names]
    return sorted(rows, key=lambda row: (-row.failed, -(row.mean_seconds or 0), row.type))


def _type_row(name: str, waiting: int, dead: int, mine: Sequence[WorkerInfo]) -> TypeRow:
    counted = [worker.types[name] for worker in mine if name in worker.types]
    deliveries = sum(sum(counts.outcomes.values()) for counts in counted)
    finished = sum(count for counts in counted for outcome, count in counts.outcomes.items() if outcome not in AGAIN)
    snoozed = sum(counts.outcomes.get("snooze", 0) for counts in counted)
    failed = sum(count for counts in counted for outcome, count in counts.outcomes.items() if outcome in _FAILED)
    seconds = sum(counts.seconds for counts in counted)
    return TypeRow(
        type=name,
        waiting=waiting,
        dead=dead,
        finished=finished,
        failed=failed,
        snoozed=snoozed,
        mean_seconds=round(seconds / deliveries, 4) if deliveries else None,
    )

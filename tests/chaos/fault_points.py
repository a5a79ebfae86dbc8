"""Points at which a worker ends as if by a power cut. They are put around the product's calls; the product has none.

After each of them something is stored already and something else is not yet: between commit and acknowledgement,
between acknowledgement and outbox, between a copy for later or a dead letter and the acknowledgement.
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.housekeeping.trimming import Trimmer
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.topology.bulk_queue import QueueState
from nightshift.worker.commit import Committer
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.settlement import Settler

EXIT_CODE, KILLER_CODE = 99, 66
"""How a worker ends at a fault point, and by a job that kills it."""
POINTS = (
    "committed, nothing else",
    "follow-ups published, not acknowledged",
    "follow-ups published, not forgotten",
    "stored on later., not acknowledged",
    "stored on dead., not acknowledged",
    "acknowledged, perhaps not sent",
    "before a look at what is done",
    "looked, nothing removed",
    "removed what is done",
)
_notes: Path | None = None
_dice = random.Random()  # noqa: S311 - no secret
_probability = 0.0


def arm(notes: Path, *, seed: str, probability: float) -> None:
    """Puts the points in place for the life of this process; `notes` is where it says at which one it ended."""
    global _notes, _probability
    _notes, _probability = notes, probability
    _dice.seed(f"{seed}/{os.getpid()}")
    if probability > 0:
        _wrap()


def note(what: str) -> None:
    """Writes a line that survives the end of the process."""
    if _notes is not None:
        file = os.open(_notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{what}\n".encode())
        os.close(file)


def demand(folder: Path, point: str) -> None:
    """Wants the next worker that passes this point to end there."""
    _order(folder, point).touch()


def _order(folder: Path, point: str) -> Path:
    return folder / f"end-at-{POINTS.index(point)}"


def _is_wanted(point: str) -> bool:
    """Whether it is this process that has to end here; an order is carried out once."""
    if _notes is None:
        return False
    try:
        _order(_notes.parent, point).unlink()
    except FileNotFoundError:
        return False
    return True


def _perhaps(point: str) -> None:
    if _dice.random() < _probability or _is_wanted(point):
        note(point)
        os._exit(EXIT_CODE)


def _wrap() -> None:
    commit, publish, delete = Committer.commit_all, Outbox.publish, Outbox._delete
    store = Publisher.store

    async def commit_then(self: Committer, jobs: Sequence[Job]) -> Sequence[bool | Exception]:
        results = await commit(self, jobs)
        for _ in jobs:
            _perhaps("committed, nothing else")
        return results

    async def publish_then(self: Outbox, job: Job) -> None:
        await publish(self, job)
        _perhaps("follow-ups published, not acknowledged")

    async def before_delete(self: Outbox, row_ids: Sequence[str]) -> list[None]:
        _perhaps("follow-ups published, not forgotten")
        return await delete(self, row_ids)

    async def store_then(self: Publisher, message: OutboundMessage) -> Stored:
        stored = await store(self, message)
        if message.subject.startswith(("later.", "dead.")):
            _perhaps(f"stored on {message.subject.partition('.')[0]}., not acknowledged")
        return stored

    replacements: list[tuple[Any, str, Any]] = [
        (Committer, "commit_all", commit_then),
        (Outbox, "publish", publish_then),
        (Outbox, "_delete", before_delete),
        (Publisher, "store", store_then),
    ]
    for owner, name, replacement in [*replacements, *_acknowledgements(), *_removal()]:
        setattr(owner, name, replacement)


def _acknowledgements() -> list[tuple[Any, str, Any]]:
    ack, acknowledge = Delivery.ack, Settler.acknowledge

    def ack_then(self: Delivery) -> None:
        ack(self)
        _perhaps("acknowledged, perhaps not sent")

    def acknowledge_then(self: Settler, group: Sequence[InFlightJob]) -> None:
        acknowledge(self, group)
        for _ in group:
            _perhaps("acknowledged, perhaps not sent")

    return [(Delivery, "ack", ack_then), (Settler, "acknowledge", acknowledge_then)]


def _removal() -> list[tuple[Any, str, Any]]:
    look, purge = Trimmer._look, Trimmer._purge

    async def look_then(self: Trimmer) -> QueueState | None:
        _perhaps("before a look at what is done")
        return await look(self)

    async def purge_then(self: Trimmer, state: QueueState) -> bool:
        _perhaps("looked, nothing removed")
        removed = await purge(self, state)
        if removed:
            _perhaps("removed what is done")
        return removed

    return [(Trimmer, "_look", look_then), (Trimmer, "_purge", purge_then)]

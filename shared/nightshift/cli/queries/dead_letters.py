"""Dead letters as an operator sees them: found by type, reason, age, text of the error, job id or reference."""

import fnmatch
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.streams import at_sequences, must_exist, newest, stored_at
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.contract import wire
from nightshift.topology.topology import dead_letter_stream

CRON = "cron"
_DIGITS = 16
_REFERENCE = re.compile(r"([a-z][a-z0-9-]*):(\d{1,19})")


class Facts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of a dead letter without its body. `ref` (`email:12`) names it on the command line."""

    ref: str
    type: str
    job_id: str
    reason: str
    error: str
    attempts: int
    died: datetime


class Letter(Facts, frozen=True, kw_only=True):
    """One dead letter, and the message that it is."""

    stream: str
    sequence: int
    message: StoredMessage

    @property
    def service(self) -> str:
        """The service whose dead letter it is."""
        return self.ref.partition(":")[0]

    @property
    def place(self) -> "Place":
        """Where it is: many of these can be held in memory."""
        return Place(self.service, self.sequence, self.type)


class Place(NamedTuple):
    """Where a dead letter is, and its job type."""

    service: str
    sequence: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters are meant; what is not given does not matter."""

    services: tuple[str, ...] = ()
    type: str = ""
    """A job type, with `*` for anything: `email.*`."""
    reason: str = ""
    error: str = ""
    """Text somewhere in the error, upper and lower case alike."""
    died_before: datetime | None = None
    died_after: datetime | None = None
    job_ids: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()

    def takes(self, letter: Letter) -> bool:
        """Whether a dead letter is meant."""
        return (
            (not self.type or fnmatch.fnmatchcase(letter.type, self.type))
            and (not self.reason or letter.reason == self.reason)
            and self.error.lower() in letter.error.lower()
            and (self.died_before is None or letter.died < self.died_before)
            and (self.died_after is None or letter.died >= self.died_after)
            and (not (self.job_ids or self.refs) or letter.job_id in self.job_ids or letter.ref in self.refs)
        )

    @property
    def narrow(self) -> bool:
        """Whether anything but the service is asked for."""
        return bool(
            self.type or self.reason or self.error or self.died_before or self.died_after or self.job_ids or self.refs
        )


def references(texts: Iterable[str], services: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sorts what was typed into references (`email:12`) and job ids."""
    known, refs, ids = {*services, CRON}, list[str](), list[str]()
    for text in texts:
        match = _REFERENCE.fullmatch(text)
        (refs if match and match[1] in known else ids).append(text)
    return tuple(refs), tuple(ids)


def aged(now: datetime, older: timedelta | None, newer: timedelta | None) -> tuple[datetime | None, datetime | None]:
    """The bounds that `--older` and `--newer` mean.

    Raises:
        UsageError: nothing can be between them.
    """
    before = now - older if older is not None else None
    after = now - newer if newer is not None else None
    if before is not None and after is not None and before <= after:
        raise UsageError("--older is not less than --newer: nothing is between them")
    return before, after


async def letters(connection: Connection, wanted: Filter, *, after: int = 0) -> AsyncIterator[Letter]:
    """Every dead letter that is meant behind a sequence, the oldest of each service first; held page by page only."""
    for service in wanted.services:
        stream = dead_letter_stream(service)
        only = _only_sequences(wanted, service)
        if only is not None and not only:
            continue
        await must_exist(connection, stream)
        messages = (
            direct_get.read_each(connection, stream, sequence=after + 1)
            if only is None
            else at_sequences(connection, stream, sorted(only))
        )
        async for message in messages:
            letter = read(message, service)
            if wanted.takes(letter):
                yield letter


async def newest_letters(connection: Connection, service: str, count: int, *, after: int = 0) -> list[Letter]:
    """Return the last dead letters of a service behind a sequence, at most `count`, the newest last."""
    found = await newest(connection, dead_letter_stream(service), count, after=after)
    return [read(message, service) for message in found]


async def letters_at(connection: Connection, places: Iterable[Place]) -> AsyncIterator[Letter]:
    """Yield the dead letters at these places, service by service; those that are gone are left out."""
    sequences: dict[str, list[int]] = {}
    for place in places:
        sequences.setdefault(place.service, []).append(place.sequence)
    for service, wanted in sequences.items():
        async for message in at_sequences(connection, dead_letter_stream(service), sorted(wanted)):
            yield read(message, service)


def _only_sequences(wanted: Filter, service: str) -> set[int] | None:
    """The sequences to look at, when references alone say which; None: all."""
    if not wanted.refs or wanted.job_ids:
        return None
    split = (ref.partition(":") for ref in wanted.refs)
    return {int(number) for name, _, number in split if name == service}


def count_in(text: str) -> int:
    """The number that a header says; 0 for what is none, or one beyond counting."""
    return int(text) if text.isdecimal() and len(text) < _DIGITS else 0


def read(message: StoredMessage, service: str) -> Letter:
    """The dead letter that a message is; what a header does not say is left empty."""
    headers = message.headers
    attempts = headers.get(wire.DEAD_ATTEMPTS, "")
    return Letter(
        ref=f"{service}:{message.sequence}",
        type=message.subject.partition(".")[2],
        job_id=headers.get(wire.JOB_ID, ""),
        reason=headers.get(wire.DEAD_REASON, ""),
        error=headers.get(wire.DEAD_ERROR, ""),
        attempts=count_in(attempts),
        died=_died(headers.get(wire.DEAD_TIME, ""), message),
        stream=message.stream,
        sequence=message.sequence,
        message=message,
    )


def _died(text: str, message: StoredMessage) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return stored_at(message)

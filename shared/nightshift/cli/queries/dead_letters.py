"""Dead letters, found by type, reason, age, text of the error, job id or reference."""

import fnmatch
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.streams import at_sequences, must_exist, newest, stored_at
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.contract import wire
from nightshift.topology.topology import dead_letter_stream

T = TypeVar("T")
CRON = "cron"
_DIGITS = 16
_REFERENCE = re.compile(r"([a-z][a-z0-9-]*):(\d{1,19})")


class Facts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A dead letter without its body. `ref` (`email:12`) names it on the command line."""

    ref: str
    type: str
    job_id: str
    reason: str
    error: str
    attempts: int
    died: datetime


class Letter(Facts, frozen=True, kw_only=True):
    """A dead letter with its message."""

    stream: str
    sequence: int
    message: StoredMessage

    @property
    def service(self) -> str:
        """The service that gave up on the job."""
        return self.ref.partition(":")[0]

    @property
    def place(self) -> "Place":
        """Where it is; many of these fit into memory."""
        return Place(self.service, self.sequence, self.type, self.job_id)


class Place(NamedTuple):
    """Where a dead letter is, its job type, and its job where that is known."""

    service: str
    sequence: int
    type: str
    job_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters are wanted; a field that is not set matches any."""

    services: tuple[str, ...] = ()
    type: str = ""
    """A job type, with `*` for anything: `email.*`."""
    reason: str = ""
    error: str = ""
    """Text that the error contains, ignoring case."""
    died_before: datetime | None = None
    died_after: datetime | None = None
    job_ids: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()

    def matches(self, letter: Letter) -> bool:
        """Return whether a dead letter is wanted."""
        return (
            (not self.type or fnmatch.fnmatchcase(letter.type, self.type))
            and (not self.reason or letter.reason == self.reason)
            and self.error.lower() in letter.error.lower()
            and (self.died_before is None or letter.died < self.died_before)
            and (self.died_after is None or letter.died >= self.died_after)
            and (not (self.job_ids or self.refs) or letter.job_id in self.job_ids or letter.ref in self.refs)
        )

    @property
    def is_narrow(self) -> bool:
        """Whether any field but the services is set."""
        return bool(
            self.type or self.reason or self.error or self.died_before or self.died_after or self.job_ids or self.refs
        )


def references(texts: Iterable[str], services: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split arguments into references (`email:12`) and job ids."""
    known, refs, ids = {*services, CRON}, list[str](), list[str]()
    for text in texts:
        match = _REFERENCE.fullmatch(text)
        (refs if match and match[1] in known else ids).append(text)
    return tuple(refs), tuple(ids)


def age_bounds(
    now: datetime, older: timedelta | None, newer: timedelta | None
) -> tuple[datetime | None, datetime | None]:
    """Return the bounds that `--older` and `--newer` stand for.

    Raises:
        UsageError: nothing can be between them.
    """
    before = now - older if older is not None else None
    after = now - newer if newer is not None else None
    if before is not None and after is not None and before <= after:
        raise UsageError("--older is not less than --newer: nothing is between them")
    return before, after


async def letters(connection: Connection, wanted: Filter, *, after: int = 0) -> AsyncIterator[Letter]:
    """Yield every wanted dead letter after a sequence, the oldest of each service first; read page by page."""
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
            letter = letter_of(message, service)
            if wanted.matches(letter):
                yield letter


async def merged(each: Sequence[AsyncIterator[T]], key: Callable[[T], Any]) -> AsyncIterator[T]:
    """Yield what several ordered sources yield, in one order; of each, one is looked at ahead."""
    ahead = [(await anext(source, None), source) for source in each]
    while left := [(one, source) for one, source in ahead if one is not None]:
        first, source = min(left, key=lambda pair: key(pair[0]))
        yield first
        ahead = [(await anext(other, None), other) if other is source else (one, other) for one, other in left]


async def newest_letters(connection: Connection, service: str, count: int, *, after: int = 0) -> list[Letter]:
    """Return the last dead letters of a service after a sequence, at most `count`, the newest last."""
    found = await newest(connection, dead_letter_stream(service), count, after=after)
    return [letter_of(message, service) for message in found]


async def letters_at(connection: Connection, places: Iterable[Place]) -> AsyncIterator[Letter]:
    """Yield the dead letters at these places, service by service, but for those that are gone."""
    sequences: dict[str, list[int]] = {}
    for place in places:
        sequences.setdefault(place.service, []).append(place.sequence)
    for service, wanted in sequences.items():
        async for message in at_sequences(connection, dead_letter_stream(service), sorted(wanted)):
            yield letter_of(message, service)


def _only_sequences(wanted: Filter, service: str) -> set[int] | None:
    """Return the sequences to read if references alone select them; None: all."""
    if not wanted.refs or wanted.job_ids:
        return None
    split = (ref.partition(":") for ref in wanted.refs)
    return {int(number) for name, _, number in split if name == service}


def parse_count(text: str) -> int:
    """Return the number in a header; 0 if it is not one, or too long."""
    return int(text) if text.isdecimal() and len(text) < _DIGITS else 0


def letter_of(message: StoredMessage, service: str) -> Letter:
    """Return the dead letter in a message; fields whose header is missing are empty."""
    headers = message.headers
    attempts = headers.get(wire.DEAD_ATTEMPTS, "")
    return Letter(
        ref=f"{service}:{message.sequence}",
        type=message.subject.partition(".")[2],
        job_id=headers.get(wire.JOB_ID, ""),
        reason=headers.get(wire.DEAD_REASON, ""),
        error=headers.get(wire.DEAD_ERROR, ""),
        attempts=parse_count(attempts),
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

"""What people did, as the stream AUDIT has it: each action once, with how it ended."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

import msgspec
from msgspec import UNSET

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.streams import stream_info
from nightshift.contract.audit import AuditEntry, read_entry
from nightshift.topology.audit_stream import AUDIT_STREAM


class RecordedAction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An action. `result` is `done`, `failed`, `stopped`, or `open` where no end of it is recorded."""

    id: str
    at: datetime
    ended: datetime | None
    part: str
    who: str
    action: str
    on: str
    what: str
    reason: str
    address: str
    result: str
    count: int | None
    error: str
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFilter:
    """Which actions; a field that is not set matches any. `action` may have a `*`."""

    who: str = ""
    action: str = ""
    on: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, entry: AuditEntry) -> bool:
        """Return whether an action is wanted."""
        return (
            self.who.lower() in entry.who.lower()
            and (not self.action or fnmatchcase(entry.action, self.action))
            and self.on.lower() in entry.on.lower()
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


async def recorded_actions(
    connection: Connection, wanted: ActionFilter, *, most_read: int | None = None
) -> AsyncIterator[RecordedAction]:
    """Yield the wanted actions, the newest first, read page by page; with `most_read` at most so many messages are.

    Raises:
        CommandError: there is no such stream; the text says how to create it.
        Unavailable: the broker is unavailable.
    """
    state = (await stream_info(connection, AUDIT_STREAM))["state"]
    first, end = int(state["first_seq"]), int(state["last_seq"]) + 1
    lowest = first if most_read is None else max(first, end - most_read)
    ends: dict[str, AuditEntry] = {}
    while end > lowest:
        start = max(lowest, end - direct_get.PAGE)
        for entry in reversed(await _between(connection, start, end)):
            if entry.is_end:
                ends.setdefault(entry.id, entry)
            elif wanted.matches(entry):
                yield _recorded(entry, ends.pop(entry.id, None))
        end = start


async def _between(connection: Connection, start: int, end: int) -> list[AuditEntry]:
    found = await direct_get.page(connection, AUDIT_STREAM, ">", start, batch=end - start)
    entries = (read_entry(message.body) for message in found if message.sequence < end)
    return [entry for entry in entries if entry is not None]


def _recorded(intent: AuditEntry, end: AuditEntry | None) -> RecordedAction:
    return RecordedAction(
        id=intent.id,
        at=intent.at,
        ended=end.at if end else None,
        part=intent.part,
        who=intent.who,
        action=intent.action,
        on=intent.on,
        what=intent.what,
        reason=intent.reason,
        address=intent.address,
        result=end.turn if end else "open",
        count=end.count if end and end.count is not UNSET else None,
        error=end.error if end else "",
        late=intent.late or (end is not None and end.late),
    )

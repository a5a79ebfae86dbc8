"""Records what people do in the stream AUDIT: the intent before, the end afterwards.

An action that cannot be recorded is not done. Those that free space or let work go on are done all the same if the
person says so, who may have to mend a broker whose disk is full: they are kept in a file, and recorded afterwards.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import store
from nightshift.config.redaction import redact
from nightshift.contract import wire
from nightshift.contract.audit import MAX_TEXT, AuditEntry, Part, Turn
from nightshift.instants import utc_now
from nightshift.messaging.audit_backlog import AuditBacklog
from nightshift.messaging.publish_arguments import new_job_id
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

_SECONDS = 3.0
_log = get_logger("audit")


class NotRecordedError(Exception):
    """An action that was not done, since it cannot be recorded; `may_insist` says whether it may be all the same."""

    def __init__(self, text: str, *, may_insist: bool) -> None:
        super().__init__(text)
        self.may_insist = may_insist


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is about to do; `AuditEntry` has the fields' meaning."""

    name: str
    on: str
    what: str
    reason: str = ""
    releases: bool = False
    """Whether it frees space, or lets work go on."""


@dataclass(slots=True)
class Result:
    """What an action has come to: its block fills it in."""

    count: int | None = None


Insist = Callable[[str], bool]
"""Is asked, with the reason why it cannot be recorded, whether an action is to be done all the same."""


def never(_why: str) -> bool:
    """Do not insist."""
    return False


class Audit:
    """Writes for one person, by one part; the backlog keeps what cannot be recorded at its time."""

    def __init__(
        self,
        connection: Callable[[], Awaitable[Connection]],
        backlog: AuditBacklog,
        *,
        part: Part,
        who: str,
        address: str = "",
    ) -> None:
        self._connection, self._backlog = connection, backlog
        self._part, self._who, self._address = part, who, address

    @asynccontextmanager
    async def doing(self, action: Action, insist: Insist = never) -> AsyncIterator[Result]:
        """Record that an action is about to be done, let the block do it, and record how it ended.

        Raises:
            NotRecordedError: it cannot be recorded; the block did not run.
        """
        intent, result = await self.begin(action, insist), Result()
        try:
            yield result
        except Exception as error:
            await self.end(intent, "failed", result.count, str(error) or type(error).__name__)
            raise
        except BaseException:
            await self.end(intent, "stopped", result.count)
            raise
        await self.end(intent, "done", result.count)

    async def begin(self, action: Action, insist: Insist = never) -> AuditEntry:
        """Record that an action is about to be done, which `end` ends, maybe in another process.

        Raises:
            NotRecordedError: it cannot be recorded: do not do it.
        """
        intent = self._entry(action)
        if why := await self._try(intent):
            self._insist(action, intent, why, insist)
        return intent

    async def recover(self) -> int:
        """Record what could not be recorded before; return how many entries.

        Raises:
            Unavailable, BrokerRefusedError: it still cannot be.
            OSError: the file of what was not recorded cannot be read or written.
        """
        return await self._backlog.hand_over(self._store)

    def _insist(self, action: Action, intent: AuditEntry, why: str, insist: Insist) -> None:
        said = f"{action.what}: not done, because it cannot be recorded ({why})"
        if not action.releases or not insist(why):
            raise NotRecordedError(said, may_insist=action.releases)
        try:
            self._backlog.keep(intent)
        except OSError as error:
            text = f"{said}, nor kept in {self._backlog.file}: {error.strerror or error}"
            raise NotRecordedError(text, may_insist=False) from None
        _log_unrecorded(intent, why)

    async def end(self, intent: AuditEntry, turn: Turn, count: int | None = None, error: str = "") -> None:
        """Record the end, also where the action was broken off; what cannot be recorded is kept, and logged."""
        counted = UNSET if count is None else count
        end = msgspec.structs.replace(intent, turn=turn, at=utc_now(), count=counted, error=_text(error))
        trying = asyncio.ensure_future(self._try(end))
        try:
            why = await asyncio.shield(trying)
        except asyncio.CancelledError:
            why = await trying
        if why:
            _log_unrecorded(end, why)
            self._keep(end)

    def _keep(self, end: AuditEntry) -> None:
        try:
            self._backlog.keep(end)
        except OSError as error:
            _log.error("not_kept", f"{self._backlog.file} cannot be written: {error.strerror or error}")

    def _entry(self, action: Action) -> AuditEntry:
        return AuditEntry(
            id=new_job_id(),
            turn="intent",
            at=utc_now(),
            part=self._part,
            who=_text(self._who),
            action=action.name,
            on=_text(action.on),
            what=_text(action.what),
            reason=_text(action.reason),
            address=self._address,
        )

    async def _try(self, entry: AuditEntry) -> str:
        """Record an entry, after what was not recorded before; return why that cannot be done, empty if it was."""
        try:
            await self.recover()
            await self._store(entry)
        except (Unavailable, BrokerRefusedError, OSError) as error:
            return str(error)
        return ""

    async def _store(self, entry: AuditEntry) -> None:
        headers = {wire.MSG_ID: f"{entry.id}/{entry.turn}"}
        subject, body = wire.audit_subject(entry.part), msgspec.json.encode(entry)
        await store(await self._connection(), subject, headers, body, timeout_seconds=_SECONDS)


def _text(text: str) -> str:
    """Return a text without secrets, of bounded length, that is UTF-8."""
    short = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
    return redact(short).encode("utf-8", "replace").decode()


def _log_unrecorded(entry: AuditEntry, why: str) -> None:
    said = f"{entry.who}: {entry.what} ({entry.turn}), not recorded: {why}"
    _log.warning("unrecorded_action", said, action_id=entry.id, action=entry.action, on=entry.on, who=entry.who)

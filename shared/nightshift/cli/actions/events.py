"""`nightshift events tail`: print what becomes of jobs as their workers tell it."""

import argparse
import asyncio
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import get_args

import msgspec

from nightshift.cli.client.context import Context
from nightshift.cli.queries.events import Told, kept
from nightshift.cli.queries.topology import service_names
from nightshift.cli.terminal.exit_codes import DONE, UsageError
from nightshift.cli.terminal.formatting import brief, format_instant, format_said, format_turn
from nightshift.contract import wire
from nightshift.contract.job_events import What, read_events
from nightshift.text import meant_or_all

_STYLES = {"done": "green", "dead": "bold red", "retry": "yellow", "unavailable": "yellow"}
_NEVER = datetime.min.replace(tzinfo=UTC)


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events."""

    type: str
    job_id: str | None
    tenant: str | None
    turns: frozenset[str]
    since: datetime | None

    def has(self, told: Told) -> bool:
        """Return whether an event is one of them."""
        event = told.event
        return (
            (self.since is None or told.at >= self.since)
            and fnmatchcase(event.type, self.type)
            and self.job_id in {None, event.id}
            and self.tenant in {None, event.tenant}
            and (not self.turns or event.what in self.turns)
        )


async def tail(context: Context, options: argparse.Namespace) -> int:
    """Print events: first what is kept, where that is asked for, then each as it is told."""
    wanted = _filter(context, options)
    subject = wire.events_subject(options.service or ">")
    connection = await context.connection()
    told = asyncio.Queue[bytes]()
    if not options.no_follow:
        await connection.listen(subject, lambda _subject, _reply, _headers, body: told.put_nowait(body))
    last = _NEVER
    if options.no_follow or options.since is not None:
        async for body in kept(connection, subject, wanted.since):
            last = max(last, _print(context, body, wanted, after=None))
    while not options.no_follow:
        _print(context, await told.get(), wanted, after=last)
    return DONE


def _filter(context: Context, options: argparse.Namespace) -> _Wanted:
    services = service_names(context)
    if options.service and options.service not in services:
        raise UsageError(f"there is no service {options.service!r}{meant_or_all(options.service, services)}")
    known = get_args(What)
    turns = frozenset(turn.strip() for turn in (options.what or "").split(",") if turn.strip())
    for turn in sorted(turns - {*known}):
        hint = meant_or_all(turn, known)
        raise UsageError(f"there is no turn {turn!r}{hint}")
    return _Wanted(
        type=options.type or "*",
        job_id=None if options.id is None else wire.storable_id(options.id),
        tenant=options.tenant,
        turns=turns,
        since=None if options.since is None else context.now - options.since,
    )


def _print(context: Context, body: bytes, wanted: _Wanted, *, after: datetime | None) -> datetime:
    """Print a message's events that are wanted, unless it was told before; return when it was told."""
    message = read_events(body)
    if message is None:
        return _NEVER
    if after is not None and message.at <= after:
        return message.at
    for event in message.events:
        told = Told(at=message.at, event=event)
        if wanted.has(told):
            context.output.json_line(told)
            context.output.line(_in_words(told), _STYLES.get(event.what, ""))
    return message.at


def _in_words(told: Told) -> str:
    event = told.event
    facts = (format_turn(event), event.type, brief(event.id, 80), f"attempt {event.attempt}", f"{event.ms:,.0f} ms")
    tenant = "" if event.tenant is msgspec.UNSET else brief(event.tenant, 80)
    return "  ".join(text for text in (format_instant(told.at), *facts, format_said(event), tenant) if text)

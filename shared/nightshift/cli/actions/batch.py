"""Send a file of bodies, one per line: all are checked before the first is sent, and sending it again is safe."""

import argparse
import asyncio
import codecs
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from nightshift.broker.batch import DuplicateInBatchError
from nightshift.cli.client.context import Context
from nightshift.cli.client.contract import Messages, check_body, message_class
from nightshift.cli.terminal.exit_codes import DONE, UsageError
from nightshift.cli.terminal.formatting import plural
from nightshift.messaging.publisher import Entry, Publisher, Receipt

_GROUP = 500
_SHOWN_PROBLEMS = 20


class BatchSent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many jobs were sent from the lines of a file."""

    type: str
    sent: int
    duplicates: int
    first_job_id: str = ""
    last_job_id: str = ""
    runs_at: datetime | None = None


async def send_batch(context: Context, options: argparse.Namespace, runs_at: datetime | None) -> int:
    """Check all lines, then send them in groups that the broker stores whole or not at all.

    Raises:
        UsageError: a line is wrong, or the file cannot be read; nothing was sent.
    """
    job_type = message_class(context.catalogue.messages, options.type).TYPE
    entries = _checked_lines(context.catalogue.messages, options, job_type)
    receipts = list[Receipt]()
    publisher = await context.publisher()
    with context.output.progress() as progress:
        task = progress.add_task("sending", total=len(entries))
        for start in range(0, len(entries), _GROUP):
            receipts += await _send(publisher, entries[start : start + _GROUP], runs_at)
            progress.update(task, completed=len(receipts))
    _tell(context, job_type, receipts, runs_at)
    return DONE


def _checked_lines(messages: Messages, options: argparse.Namespace, job_type: str) -> list[Entry]:
    entries, problems = list[Entry](), list[str]()
    for number, line in _lines(options.batch):
        try:
            message = check_body(messages, job_type, line, unknown_fields=options.unknown_fields)
        except UsageError as wrong:
            problems.append(f"line {number}: {wrong}")
            continue
        entries.append(Entry(message, f"{options.id}-{number}" if options.id else None))
    if problems:
        more = f"\n… and {len(problems) - _SHOWN_PROBLEMS} more lines" if len(problems) > _SHOWN_PROBLEMS else ""
        shown = "\n".join(problems[:_SHOWN_PROBLEMS])
        raise UsageError(
            f"{plural(len(problems), 'line')} of {options.batch} cannot be sent, so nothing was:\n{shown}{more}"
        )
    return entries


def _lines(name: str) -> Iterator[tuple[int, bytes]]:
    """Return the lines that are not empty, numbered from 1."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


async def _send(publisher: Publisher, entries: Sequence[Entry], runs_at: datetime | None) -> list[Receipt]:
    if runs_at is not None:
        return await _singly(
            [publisher.publish_later(entry.message, at=runs_at, job_id=entry.job_id) for entry in entries]
        )
    try:
        return await publisher.publish_many(entries)
    except DuplicateInBatchError:  # the file is sent again: one by one, the broker tells which it has
        return await _singly([publisher.publish(entry.message, job_id=entry.job_id) for entry in entries])


async def _singly(publishing: Sequence["asyncio._CoroutineLike[Receipt]"]) -> list[Receipt]:
    return list(await asyncio.gather(*publishing))


def _tell(context: Context, job_type: str, receipts: Sequence[Receipt], runs_at: datetime | None) -> None:
    duplicates = sum(receipt.duplicate for receipt in receipts)
    sent = BatchSent(
        type=job_type,
        sent=len(receipts) - duplicates,
        duplicates=duplicates,
        first_job_id=receipts[0].job_id if receipts else "",
        last_job_id=receipts[-1].job_id if receipts else "",
        runs_at=runs_at,
    )
    if context.output.as_json:
        context.output.json(sent)
        return
    also = f"; the broker already had {duplicates:,} more" if duplicates else ""
    context.output.line(f"{plural(sent.sent, 'job')} of type {job_type} sent{also}")
    if receipts:
        context.output.line(f"job ids {sent.first_job_id} … {sent.last_job_id}")

"""`nightshift send`: publish jobs that match their contract, now or later, one or many; wait for one to end."""

import argparse
import codecs
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from nightshift.cli.actions.batch import send_batch
from nightshift.cli.actions.wait import Ending, Followed, follow
from nightshift.cli.client.context import Context
from nightshift.cli.client.contract import Messages, check_body, message_class
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import brief, format_instant
from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.messaging.publisher import Receipt
from nightshift.topology.topology import dead_letter_stream

_JUST_NOW = timedelta(minutes=1)
"""What has passed by so little may have been meant: a program computed it a moment ago."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a job was stored."""

    job_id: str
    subject: str
    stream: str
    sequence: int
    duplicate: bool
    runs_at: datetime | None = None
    ending: Ending | None = None


async def run(context: Context, options: argparse.Namespace) -> int:
    """Publish."""
    runs_at = _when(context, options)
    if options.batch is not None:
        if options.body is not None or options.wait or options.wait_for:
            raise UsageError(
                "--batch takes its bodies from the file, and cannot wait for them: leave out the body and --wait"
            )
        return await send_batch(context, options, runs_at)
    if options.body is None:
        needs = _example(context.catalogue.messages, options.type)
        raise UsageError(f"the body is missing: give JSON, @FILE, or - for standard input{needs}")
    body, messages = read_body(options.body), context.catalogue.messages
    message = check_body(messages, options.type, body, unknown_fields=options.unknown_fields)
    followed = options.wait or options.wait_for is not None
    after = await _last_dead_letter(context, message.TYPE) if followed else 0
    receipt = await _publish(context, message, options, runs_at)
    sent = _sent(receipt, runs_at)
    if not context.output.as_json:
        _tell(context, sent)
    if not followed:
        if context.output.as_json:
            context.output.json(sent)
        return DONE
    ending = await follow(context, _followed(message.TYPE, receipt, after), options.wait_for)
    if context.output.as_json:
        context.output.json(msgspec.structs.replace(sent, ending=ending))
    return DONE if ending.state == "done" else ANSWER_IS_NO


async def _last_dead_letter(context: Context, job_type: str) -> int:
    """Return the last sequence among the dead letters, before the job is published: its own comes later."""
    info = await stream_info(await context.connection(), dead_letter_stream(wire.service_of(job_type)))
    return int(info["state"]["last_seq"])


def _followed(job_type: str, receipt: Receipt, after: int) -> Followed:
    if receipt.duplicate:  # the place is that of the other one, which may be done
        return Followed(job_type, receipt.job_id, after=after)
    return Followed(job_type, receipt.job_id, receipt.stream, receipt.sequence, after)


def read_body(text: str) -> bytes:
    """Return the body that an argument names: itself, a file's content, or standard input.

    Raises:
        UsageError: the file cannot be read.
    """
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes().removeprefix(codecs.BOM_UTF8)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {text[1:]}: {getattr(error, 'strerror', None) or error}") from None


async def _publish(
    context: Context, message: Message, options: argparse.Namespace, runs_at: datetime | None
) -> Receipt:
    publisher = await context.publisher()
    if runs_at is None:
        return await publisher.publish(message, job_id=options.id, tenant=options.tenant)
    return await publisher.publish_later(message, at=runs_at, job_id=options.id, tenant=options.tenant)


def _when(context: Context, options: argparse.Namespace) -> datetime | None:
    if options.at is not None:
        at: datetime = options.at
        if context.now - at > _JUST_NOW:
            raise UsageError(f"--at {format_instant(at)} has passed; without --at the job runs now")
        return at
    if options.delay is None:
        return None
    try:
        later: datetime = context.now + options.delay
    except OverflowError:
        raise UsageError("--delay reaches beyond the year 9999") from None
    return later


def _sent(receipt: Receipt, runs_at: datetime | None) -> Sent:
    return Sent(
        job_id=receipt.job_id,
        subject=receipt.subject,
        stream=receipt.stream,
        sequence=receipt.sequence,
        duplicate=receipt.duplicate,
        runs_at=runs_at,
    )


def _tell(context: Context, sent: Sent) -> None:
    facts = {"job id": sent.job_id, "stored at": f"{sent.stream}, message {sent.sequence}, subject {sent.subject}"}
    if sent.runs_at is not None:
        facts["runs at"] = format_instant(sent.runs_at)
    context.output.facts(facts)
    if sent.duplicate:
        context.output.line(
            "The broker got a job of this type and id within the last two minutes and dropped this one.", "yellow"
        )


def _example(messages: Messages, job_type: str) -> str:
    kind = message_class(messages, job_type)
    fields = [field.encode_name for field in msgspec.structs.fields(kind) if field.required]
    return f"; {kind.TYPE} needs: {brief(', '.join(fields))}" if fields else ""

"""Describe one service: settings of its queues, its workers, figures by job type, and the last errors."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from nightshift.cli.actions import dlq_show
from nightshift.cli.client.context import Context
from nightshift.cli.queries.dead_letters import newest_letters
from nightshift.cli.queries.discover_workers import workers_of
from nightshift.cli.queries.queue_stats import QueueStats
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.queries.type_rows import TypeRow, type_rows
from nightshift.cli.terminal.formatting import format_number, format_size, format_span, plural
from nightshift.cli.terminal.table import Column
from nightshift.topology import bulk_queue
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import Stream, Topology, queue_stream

_LAST_ERRORS = 5


class StreamRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One stream of a service."""

    stream: str
    purpose: str
    messages: int
    bytes: int
    max_bytes: int
    removal: str
    """How what is done leaves it: `one by one`, `in bulk`, or empty where it stays."""
    done: int = 0
    """Jobs that are done and wait to be removed in bulk."""


class Description(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole description, for programs."""

    queue: QueueStats
    streams: list[StreamRow]
    consumers: list[dict[str, Any]]
    types: list[TypeRow]
    workers: list[WorkerInfo]
    last_errors: list[dlq_show.LetterRow]


_STREAMS = (
    Column("STREAM", lambda row: row.stream),
    Column("MESSAGES", lambda row: format_number(row.messages), right=True),
    Column("SIZE", lambda row: format_size(row.bytes), right=True),
    Column("FULL AT", lambda row: format_size(row.max_bytes) if row.max_bytes > 0 else "no limit", right=True),
    Column("DONE ONES GO", lambda row: row.removal),
    Column("PURPOSE", lambda row: row.purpose, words=True, spare=1),
)
_TYPES = (
    Column("TYPE", lambda row: row.type),
    Column("WAITING", lambda row: format_number(row.waiting), right=True),
    Column("DEAD", lambda row: format_number(row.dead), right=True, style=lambda row: "dead" if row.dead else ""),
    Column("FINISHED", lambda row: format_number(row.finished), right=True),
    Column("FAILED", lambda row: format_number(row.failed), right=True),
    Column("SNOOZED", lambda row: format_number(row.snoozed), right=True, spare=1),
    Column(
        "MEAN SECONDS", lambda row: "" if row.mean_seconds is None else f"{row.mean_seconds:.3f}", right=True, spare=2
    ),
)


async def show(
    context: Context, topology: Topology, stats: QueueStats, alive: Sequence[WorkerInfo], columns: Sequence[Column]
) -> None:
    """Show the description of a service."""
    mine = workers_of(alive, stats.service)
    connection = await context.connection()
    streams = await _streams(context, topology, stats.service)
    types = await type_rows(connection, context.catalogue, stats.service, mine)
    found = await newest_letters(connection, stats.service, _LAST_ERRORS)
    last = [dlq_show.row(letter, context.catalogue.messages) for letter in found]
    consumers = [consumer.config() | {"stream": consumer.stream} for consumer in topology.consumers_of(stats.service)]
    output = context.output
    if output.as_json:
        output.json(
            Description(queue=stats, streams=streams, consumers=consumers, types=types, workers=mine, last_errors=last)
        )
        return
    output.rows([stats], columns, none="")
    output.line("")
    output.rows(streams, _STREAMS, none="")
    output.line("")
    for row in streams:
        if row.removal == "in bulk":
            output.line(
                f"{row.stream} is emptied in bulk: {plural(row.done, 'job')} of it are done and not removed yet"
            )
    for one in topology.consumers_of(stats.service):
        wait = format_span(timedelta(microseconds=one.config()["ack_wait"] / 1000))
        output.line(f"consumer {one.name} on {one.stream}: {one.filter}, redelivered after {wait} without progress")
    output.line("")
    output.rows(types, _TYPES, none="")
    output.line("(FINISHED to MEAN SECONDS: by the running workers, since each started)", "dim")
    output.line("")
    output.rows(last, dlq_show.COLUMNS, none="No dead letters.", title="last errors")


async def _streams(context: Context, topology: Topology, service: str) -> list[StreamRow]:
    rows = list[StreamRow]()
    for stream in topology.streams:
        if stream.name.split("_")[0] != queue_stream(service):
            continue
        info = await stream_info(await context.connection(), stream.name)
        state, config = info["state"], info["config"]
        rows.append(
            StreamRow(
                stream=stream.name,
                purpose=stream.purpose,
                messages=state["messages"],
                bytes=state["bytes"],
                max_bytes=config.get("max_bytes", -1),
                removal=_removal(stream, config),
                done=await _done(context, topology, stream, service),
            )
        )
    return rows


def _removal(stream: Stream, config: dict[str, Any]) -> str:
    if config["retention"] == "workqueue":
        return "one by one"
    return "in bulk" if stream.is_queue else ""


async def _done(context: Context, topology: Topology, stream: Stream, service: str) -> int:
    if not stream.is_queue:
        return 0
    consumer = next(filter(bulk_queue.is_queue, topology.consumers_of(service)))
    state = await bulk_queue.look(await context.connection(), consumer)
    return state.done if state else 0

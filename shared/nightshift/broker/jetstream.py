"""JetStream requests: publishing with an acknowledgement, and management calls."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from nats.errors import NoRespondersError

from nightshift.broker.connection import Connection
from nightshift.broker.errors import AnswerLostError, NotStoredError, not_understood, refusal
from nightshift.contract import wire
from nightshift.outcomes import Unavailable

_RETRY_SECONDS = 0.25
CHANGE_SECONDS = 30.0
"""A change of a stream or a consumer may take as long: the broker waits for its disk, which others may keep busy."""
_SUSPICIOUS_SECONDS, _PING_SECONDS = 2.0, 1.0
NO_STREAM = "no stream takes it (has `nightshift provision` been run?), or the broker is electing a leader"


class Stored(msgspec.Struct, frozen=True):
    """The broker's acknowledgement: where the message is; `duplicate` when its id was there already."""

    stream: str
    seq: int
    duplicate: bool = False


class _Answer(msgspec.Struct, frozen=True):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: dict[str, Any] | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_NOT_JETSTREAMS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


async def store(
    connection: Connection,
    subject: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout_seconds: float = 10.0,
    again: bool = True,
) -> Stored:
    """Publish a message and wait until the broker has it on its disk.

    Try again while a leader is being elected and, with `again`, after a reconnect when the answer was lost and the
    message has a `Nats-Msg-Id`, by which the broker (and otherwise the inbox) recognises it.

    Raises:
        Unavailable: the broker is unavailable, or did not answer in time (`NotStoredError`: it answers otherwise).
        BrokerRefusedError: the broker refused it (`QueueFullError`, `NotPermittedError`); nothing was stored.
    """
    loop, stream = asyncio.get_running_loop(), _stream_of(subject)
    # Who has waited in vain on this stream waits no longer than it takes to see that nothing has changed.
    patience = min(timeout_seconds, _SUSPICIOUS_SECONDS) if connection.was_silent(stream) else timeout_seconds
    deadline = loop.time() + patience
    while True:
        left = deadline - loop.time()
        try:
            reply = await connection.ask(subject, body, headers, timeout_seconds=max(left, 0.01))
            connection.unanswered.pop(stream, None)
            break
        except AnswerLostError:
            if not again or wire.MSG_ID not in headers:
                raise
        except Unavailable:
            if not await connection.answers(_PING_SECONDS):
                raise
            connection.unanswered[stream] = loop.time()
            raise NotStoredError(f"no answer to {subject} within {patience:g} s") from None
        except NoRespondersError:
            if left < _RETRY_SECONDS:
                raise Unavailable("broker", f"nobody answers on {subject}: {NO_STREAM}") from None
            await asyncio.sleep(_RETRY_SECONDS)
    try:
        answer = _decode_answer(reply.body or b"{}")
    except _NOT_JETSTREAMS:
        raise not_understood(subject) from None
    if answer.error is not None or not answer.stream:
        raise refusal(subject, answer.error or {"description": "the answer is empty"})
    return Stored(answer.stream, answer.seq, answer.duplicate)


def _stream_of(subject: str) -> str:
    return ".".join(subject.split(".", 2)[:2])


async def manage(
    connection: Connection, call: str, request: Mapping[str, Any] | None = None, *, timeout_seconds: float = 5.0
) -> dict[str, Any]:
    """Call `$JS.API.<call>` and return its answer.

    Raises:
        Unavailable: the broker is unavailable, or has no JetStream.
        BrokerRefusedError: the answer is an error; `code` is its `err_code`.
    """
    body = msgspec.json.encode(request) if request is not None else b""
    try:
        reply = await connection.ask(f"{connection.api}.{call}", body, timeout_seconds=timeout_seconds)
    except NoRespondersError:
        raise Unavailable("broker", f"JetStream does not answer to {call}: is it switched on?") from None
    try:
        answer = _decode_any(reply.body)
    except _NOT_JETSTREAMS:
        raise not_understood(call) from None
    if answer.get("error"):
        raise refusal(call, answer["error"])
    return answer

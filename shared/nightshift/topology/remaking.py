"""Makes a queue anew as the other kind, which the broker cannot do in place: refused first, found empty, made anew.

Meanwhile the stream takes another subject, so nobody answers those who publish jobs: our publisher tries again. The
message that is stored on that subject then proves that whatever came before the change is in the stream, and keeps a
second provisioning away.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from nightshift.broker import BrokerRefusedError, Connection, QueueFullError, direct_get
from nightshift.broker.direct_get import nanoseconds
from nightshift.broker.jetstream import CHANGE_SECONDS, manage, store
from nightshift.outcomes import Unavailable
from nightshift.topology import bulk_queue
from nightshift.topology.consumer import Consumer

REFUSES_SECONDS = 5.0
"""So long producers wait at most until the queue is empty; they try for ten seconds."""
WORTH_A_TRY = 2_000
"""With more jobs it will not be empty by then."""
ABANDONED_SECONDS = 30.0
"""After so long a queue that refuses is taken for left behind; nobody makes one anew for half of it."""
_LOOK_SECONDS, _FILES_SECONDS = 0.05, 10.0
_NO_STREAM, _WRONG_LAST_SEQUENCE = 10059, 10071
_FOLDER_IN_USE, _MADE_ALREADY = 10049, 10058


class NotNowError(Exception):
    """The queue cannot be made anew now and stays as it is; the text says why."""


class OthersTurnError(Exception):
    """Another provisioning makes the queue anew."""


async def remake(connection: Connection, consumer: Consumer, config: Mapping[str, Any]) -> None:
    """Make a service's queue anew with this stream configuration. Its consumer is gone then.

    Raises:
        NotNowError: it holds jobs, or is paused, or has another consumer.
        OthersTurnError: another provisioning makes it anew.
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses; run it again.
    """
    try:
        await _empty(connection, consumer)
        await manage(connection, f"STREAM.DELETE.{consumer.stream}")
    except BrokerRefusedError as refused:
        if refused.code == _NO_STREAM:
            raise OthersTurnError from None
        raise
    await create(connection, consumer.stream, config)


async def _empty(connection: Connection, consumer: Consumer) -> None:
    """Make a queue refuse jobs, and return when it is empty; where it does not get so, it takes jobs again."""
    await _check_worth_a_try(connection, consumer)
    current = await _config(connection, consumer)
    await manage(connection, f"STREAM.UPDATE.{consumer.stream}", {**current, "subjects": [_aside(consumer)]})
    try:
        await _bar(connection, consumer)
        await _until_empty(connection, consumer)
    except OthersTurnError:
        raise
    except BaseException:
        await resume(connection, consumer)
        raise


async def create(connection: Connection, stream: str, config: Mapping[str, Any]) -> None:
    """Create a queue that counts from the present microsecond.

    So no sequence is given out twice, and what anybody still has to say about the jobs of an earlier stream of this
    name (an acknowledgement, a removal up to a sequence) means none of this one.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    deadline = time.monotonic() + _FILES_SECONDS
    while True:
        try:
            request = {**config, "first_seq": time.time_ns() // 1000}
            await manage(connection, f"STREAM.CREATE.{stream}", request, timeout_seconds=CHANGE_SECONDS)
        except BrokerRefusedError as refused:
            if refused.code == _MADE_ALREADY:  # another provisioning was faster
                return
            if refused.code != _FOLDER_IN_USE or time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _is_aside(connection: Connection, consumer: Consumer) -> bool:
    """Return whether a queue refuses jobs because it is being made anew; one that is gone will be there soon."""
    try:
        return bool((await _config(connection, consumer))["subjects"] == [_aside(consumer)])
    except BrokerRefusedError as refused:
        if refused.code != _NO_STREAM:
            raise
        return False


async def _is_abandoned(connection: Connection, consumer: Consumer, seconds: float) -> bool:
    messages = await direct_get.page(connection, consumer.stream, _aside(consumer), batch=1)
    answer = await manage(connection, f"STREAM.INFO.{consumer.stream}")
    now_ns = nanoseconds(answer["ts"])
    return not messages or now_ns - messages[0].stored_ns > seconds * 1e9


async def resume(connection: Connection, consumer: Consumer) -> None:
    """Let the queue take jobs again.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    current = await _config(connection, consumer)
    await manage(connection, f"STREAM.UPDATE.{consumer.stream}", {**current, "subjects": [consumer.filter]})
    await manage(connection, f"STREAM.PURGE.{consumer.stream}", {"filter": _aside(consumer)})


async def settle(connection: Connection, consumer: Consumer, *, abandoned_seconds: float = ABANDONED_SECONDS) -> None:
    """Wait while another provisioning makes a queue anew; where that is gone, let the queue take jobs again.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    while await _is_aside(connection, consumer):
        try:
            if await _is_abandoned(connection, consumer, abandoned_seconds):
                await resume(connection, consumer)
        except Unavailable:  # of a stream that is gone by now; were it the broker, the next look would tell
            pass
        except BrokerRefusedError as refused:
            if refused.code != _NO_STREAM:
                raise
        await asyncio.sleep(_LOOK_SECONDS)


async def _bar(connection: Connection, consumer: Consumer) -> None:
    """Store the one message that shows that this provisioning, and no other, makes the queue anew."""
    try:
        await store(connection, _aside(consumer), {"Nats-Expected-Last-Subject-Sequence": "0"}, b"")
    except QueueFullError:
        raise NotNowError("it is full") from None
    except BrokerRefusedError as refused:
        if refused.code == _WRONG_LAST_SEQUENCE:
            raise OthersTurnError from None
        raise


async def _until_empty(connection: Connection, consumer: Consumer) -> None:
    begun = time.monotonic()
    while not await _is_empty(connection, consumer):
        if time.monotonic() - begun > REFUSES_SECONDS:
            raise NotNowError(f"it was not empty within {REFUSES_SECONDS:g} s")
        await asyncio.sleep(_LOOK_SECONDS)
    if time.monotonic() - begun > ABANDONED_SECONDS / 2:  # this process stood still: another may have gone on
        raise NotNowError("it took too long")


async def _check_worth_a_try(connection: Connection, consumer: Consumer) -> None:
    stream, info = await bulk_queue.read(connection, consumer)
    if info is None:
        return
    state = bulk_queue.state_of(stream, info, consumer)
    if info.get("paused"):
        raise NotNowError("it is paused")
    if state.consumers > 1:
        raise NotNowError("it has a consumer of somebody else")
    if bulk_queue.is_bulk(stream["config"]) and state.distrust:
        raise NotNowError(state.distrust)
    if state.pending + state.in_flight > WORTH_A_TRY:
        raise NotNowError(f"it holds {state.pending + state.in_flight} jobs")


async def _is_empty(connection: Connection, consumer: Consumer) -> bool:
    """Return whether every job of the queue is done; asked of the messages themselves, beyond what is done for sure."""
    floor = 0
    stream, info = await bulk_queue.read(connection, consumer)
    if info is not None:
        state = bulk_queue.state_of(stream, info, consumer)
        if state.pending or state.in_flight:
            return False
        if bulk_queue.is_bulk(stream["config"]) and not state.distrust:
            floor = state.floor
    return not await direct_get.page(connection, consumer.stream, consumer.filter, floor + 1, batch=1)


async def _config(connection: Connection, consumer: Consumer) -> dict[str, Any]:
    answer = await manage(connection, f"STREAM.INFO.{consumer.stream}", timeout_seconds=CHANGE_SECONDS)
    config: dict[str, Any] = answer["config"]
    return config


def _aside(consumer: Consumer) -> str:
    return f"remaking.{consumer.name}"

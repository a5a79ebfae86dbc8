"""Tell a type's own code that one of its jobs is given up on, so that nobody waits for it for ever."""

import asyncio
from typing import Any

import msgspec

from nightshift.contract import wire
from nightshift.messaging import claim_check
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.errors import describe
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.worker.in_flight import InFlightJob

_TIMEOUT_SECONDS = 60.0
_log = get_logger("dead_letter_hook")


async def run_hook(in_flight: InFlightJob, reason: str, objects: ObjectStore) -> None:
    """Call the route's `on_dead_letter`, if it has one and the message can be read.

    Raises:
        Unavailable: the hook, or the claim check of the message, could not reach what it needs: call it again later.
    """
    hook, job = in_flight.route.on_dead_letter, in_flight.job
    if hook is None:
        return
    try:
        message = await _message(in_flight, objects)
    except (msgspec.DecodeError, InvalidClaimError, UnicodeDecodeError, RecursionError):
        return
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await hook(message, job, reason)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - a bug in the hook must not keep the dead letter back
        _log.error("dead_letter_hook_failed", f"{job.type} {job.id}: {describe(error)}")


async def _message(in_flight: InFlightJob, objects: ObjectStore) -> Any:
    delivery = in_flight.delivery
    claim = delivery.headers.get(wire.CLAIM)
    return in_flight.route.decode(delivery.body if claim is None else await claim_check.fetch(objects, claim))

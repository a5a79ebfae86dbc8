"""Tell a type's own code that one of its jobs is given up on, so that nobody waits for it for ever."""

import asyncio
from typing import Any

import msgspec

from nightshift.broker.delivery import Delivery
from nightshift.contract import wire
from nightshift.messaging import claim_check
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.errors import describe
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.worker.router import Route

_TIMEOUT_SECONDS = 60.0
_log = get_logger("dead_letter_hook")


async def run_hook(route: Route | None, delivery: Delivery, job: Job, reason: str, objects: ObjectStore) -> None:
    """Call the route's `on_dead_letter`, if it has one and the message can be read.

    Raises:
        Unavailable: the hook, or the claim check of the message, could not reach what it needs: call it again later.
    """
    if route is None or route.on_dead_letter is None:
        return
    try:
        message = await _message(route, delivery, objects)
    except (msgspec.DecodeError, InvalidClaimError, UnicodeDecodeError, RecursionError):
        return
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await route.on_dead_letter(message, job, reason)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - a bug in the hook must not keep the dead letter back
        _log.error("dead_letter_hook_failed", f"{job.type} {job.id}: {describe(error)}")


async def _message(route: Route, delivery: Delivery, objects: ObjectStore) -> Any:
    claim = delivery.headers.get(wire.CLAIM)
    return route.decode(delivery.body if claim is None else await claim_check.fetch(objects, claim))

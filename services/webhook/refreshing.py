"""Get an object's present state from its provider, where events do not say which state is the newest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.webhook import RefreshObject
from nightshift import Job, Permanent, Snooze
from nightshift.instants import utc_now
from services.webhook.provider_objects import ObjectState, store_newer

_SETTLED = timedelta(seconds=2)
"""Providers count in whole seconds: before that one is over, its events are not all there."""
_CLOCKS_DIFFER = timedelta(minutes=5)
_TICK = timedelta(microseconds=1)


@dataclass(slots=True, frozen=True)
class Fetched:
    """An object as its provider has it; `as_of` is before the provider looked, by its own clock."""

    data: dict[str, Any] | None
    """None: there is no such object any more."""
    deleted: bool
    as_of: datetime


class ProviderApi(Protocol):
    """Asks a provider for one of its objects."""

    async def get(self, path: str, context: str | None) -> Fetched:
        """Return an object's present state.

        Raises:
            Snooze: the provider limits requests, cannot be reached, or refuses our key.
            Permanent: the provider refuses this request for good.
            ProviderFailedError: anything else; it is tried again.
        """


class ProviderFailedError(Exception):
    """A provider did not answer as it should; the attempt counts."""


def ask_to_refresh(job: Job, message: RefreshObject, now: datetime) -> None:
    """Enqueue a refresh, once for an object and an instant, and not before that instant's second is over."""
    at = message.as_of + _SETTLED
    job.enqueue(message, job_id=refresh_id(message), at=at if now < at <= now + _CLOCKS_DIFFER else None)


def refresh_id(message: RefreshObject) -> str:
    """Return the id of a refresh: ten events of one second have one."""
    at = message.as_of.astimezone(UTC)
    fraction = f"-{at.microsecond:06}" if at.microsecond else ""
    return f"refresh-{message.object_id}-{at:%Y%m%dT%H%M%S}{fraction}Z"


async def refresh_object(
    message: RefreshObject,
    job: Job,
    *,
    apis: Mapping[str, ProviderApi],
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Get an object's present state from its provider and store it, unless a newer one is there by then.

    Raises:
        Permanent: there is no key for the provider's API, or the provider refuses the request.
        Snooze: the provider wants us to wait, or its answer may be older than the event that led to it.
    """
    api = apis.get(message.source)
    if api is None:
        raise Permanent(
            f"{message.object_id} cannot be fetched, as no API of {message.source} is set up here: set its key "
            "(STRIPE_API_KEY), then redrive this dead letter"
        )
    fetched = await api.get(message.path, message.context)
    state = ObjectState(
        source=message.source,
        object_id=message.object_id,
        type=message.object_type,
        as_of=_as_of(message, fetched),
        event_id=None,
        data={"id": message.object_id} if fetched.data is None else fetched.data,
        deleted=fetched.deleted,
    )
    job.run_in_transaction(partial(_store, state=state, job=job, message=message, now=now))


async def _store(
    connection: AsyncConnection, *, state: ObjectState, job: Job, message: RefreshObject, now: Callable[[], datetime]
) -> None:
    if await store_newer(connection, state) == "tie":
        again = RefreshObject(
            source=message.source,
            object_id=message.object_id,
            object_type=message.object_type,
            path=message.path,
            context=message.context,
            as_of=state.as_of,
        )
        ask_to_refresh(job, again, now())


def _as_of(message: RefreshObject, fetched: Fetched) -> datetime:
    """Return the instant that the fetched state counts from.

    Raises:
        Snooze: it may not contain all events of the second in which the event happened that led to it.
    """
    if fetched.as_of > message.as_of:
        return fetched.as_of
    if message.as_of - fetched.as_of > _CLOCKS_DIFFER:  # a simulated clock (Stripe's test clocks run ahead)
        return message.as_of + _TICK
    raise Snooze(_SETTLED, f"{message.source} answered within the second in which the event happened")

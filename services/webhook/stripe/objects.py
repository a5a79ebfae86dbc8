"""Keep Stripe's objects as its events tell of them (https://docs.stripe.com/event-destinations).

Stripe promises no order, and its events have whole seconds. A snapshot event contains the object, a thin event only
names it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.webhook import RefreshObject
from nightshift import Job, Permanent, Skip, WebhookEvent
from nightshift.contract.constraints import explain
from nightshift.instants import utc_now
from nightshift.webhooks.handled import Id, convert
from services.webhook.event_rows import change_outcome
from services.webhook.provider_objects import ObjectState, store_newer
from services.webhook.refreshing import ask_to_refresh

_PATHS = {"subscription": "/v1/subscriptions/"}
"""Where Stripe's API has the objects of each kind that is kept."""
_ENDED = frozenset({"canceled", "incomplete_expired"})
"""A subscription of these states never comes back (https://docs.stripe.com/billing/subscriptions/overview)."""


class Subject(msgspec.Struct):
    """The object that a snapshot event contains."""

    id: Id
    object: Id


class _Data(msgspec.Struct):
    object: dict[str, Any]


class Snapshot(msgspec.Struct):
    """A snapshot event: the object as it was when the event happened."""

    created: int
    data: _Data
    account: Id | None = None
    """The connected account that it belongs to, if not ours."""


class _Related(msgspec.Struct):
    id: str
    type: str
    url: str


class Thin(msgspec.Struct):
    """A thin event: it says that something happened, and to what."""

    created: Annotated[datetime, msgspec.Meta(tz=True)]
    related_object: _Related | None = None
    context: str | None = None


def is_deleted(data: dict[str, Any]) -> bool:
    """Return whether an object of Stripe is one that never comes back."""
    return data.get("deleted") is True or (data.get("object") == "subscription" and data.get("status") in _ENDED)


async def keep_object(event: WebhookEvent, job: Job, *, now: Callable[[], datetime] = utc_now) -> str:
    """Keep the object that a snapshot event contains, unless a newer state of it is known.

    Of two events of one second nobody can tell which is the newer: then Stripe is asked for the present state.
    """
    snapshot = convert(event, Snapshot)
    data = snapshot.data.object
    subject = convert(event, Subject, data, "data.object")
    at = _instant(snapshot.created)
    state = ObjectState(
        source=event.source,
        object_id=subject.id,
        type=subject.object,
        as_of=at,
        event_id=event.id,
        data=data,
        deleted=event.type.endswith(".deleted") or is_deleted(data),
    )
    refresh = RefreshObject(
        source=event.source,
        object_id=subject.id,
        object_type=subject.object,
        path=_path(subject),
        context=snapshot.account,
        as_of=at,
    )
    job.run_in_transaction(partial(_keep, state=state, refresh=refresh, job=job, event=event, now=now))
    return subject.id


async def refresh_of_thin_event(event: WebhookEvent, job: Job, *, now: Callable[[], datetime] = utc_now) -> str:
    """Ask Stripe for the object that a thin event names.

    Raises:
        Skip: it names none.
    """
    thin = convert(event, Thin)
    related = thin.related_object
    if related is None:
        raise Skip(f"{event.type} is about no object")
    message = {
        "source": event.source,
        "objectId": related.id,
        "objectType": related.type,
        "path": related.url,
        "context": thin.context,
        "asOf": thin.created,
    }
    ask_to_refresh(job, _checked(message), now())
    return related.id


async def _keep(
    connection: AsyncConnection,
    *,
    state: ObjectState,
    refresh: RefreshObject,
    job: Job,
    event: WebhookEvent,
    now: Callable[[], datetime],
) -> None:
    event.outcome = "done"  # whatever a transaction found out that is tried again
    written = await store_newer(connection, state)
    if written == "tie":
        ask_to_refresh(job, refresh, now())
        reason = "another event has the same time, so Stripe is asked for the present state"
        await change_outcome(connection, event, "refreshing", reason)
    elif written == "stale":
        await change_outcome(connection, event, "stale", "a newer event was faster")


def _path(subject: Subject) -> str:
    try:
        return _PATHS[subject.object] + quote(subject.id, safe="")
    except KeyError:
        known = ", ".join(sorted(_PATHS))
        raise Permanent(f"objects of the kind {subject.object!r} are not kept; there are: {known}") from None


def _instant(created: int) -> datetime:
    try:
        return datetime.fromtimestamp(created, UTC)
    except (ValueError, OverflowError, OSError):
        raise Permanent(f"the event's time is {created}, expected seconds since 1970 - at `$.created`") from None


def _checked(message: dict[str, Any]) -> RefreshObject:
    try:
        return msgspec.convert(message, RefreshObject)
    except msgspec.ValidationError as error:
        raise Permanent(f"the event names an object that cannot be fetched: {explain(error)}") from None

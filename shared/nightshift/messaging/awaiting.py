"""Waits for what a job returns, with nothing but a connection to the broker."""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol, TypeVar, overload

import msgspec
from msgspec import UNSET

from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.contract.message import Message
from nightshift.messaging.job_watch import JobWatch, Watched
from nightshift.messaging.publish_arguments import checked_type, new_job_id

R = TypeVar("R")
_LOOK_AGAIN_SECONDS = 2.0
"""An event may be lost, and a job that was done before tells none: whoever waits asks again so often."""


class JobDeadError(Exception):
    """The job was given up on: its effects did not happen. It is a dead letter, which can be redriven."""

    def __init__(self, job_type: str, job_id: str, reason: str, attempt: int) -> None:
        super().__init__(f"{job_type} {job_id} was given up on at attempt {attempt}: {reason}")
        self.job_type, self.job_id, self.reason, self.attempt = job_type, job_id, reason, attempt


class JobNotOverError(TimeoutError):
    """The job is accepted, and was not over in time; publishing it again with the same id waits for the same job."""

    def __init__(self, job_type: str, job_id: str, seconds: float, last: JobEvent | None) -> None:
        told = (
            f"nothing was heard of it (may this user hear {wire.events_subject(wire.service_of(job_type))} and "
            f"workers.found.{job_type}?)"
            if last is None
            else f"last told: {last.what}, attempt {last.attempt}"
        )
        super().__init__(f"{job_type} {job_id} is not over after {seconds:g} s; {told}")
        self.job_type, self.job_id, self.last = job_type, job_id, last


class JobResultError(ValueError):
    """The job is done, and what it returned is not what was expected."""


class _Published(Protocol):
    @property
    def duplicate(self) -> bool: ...


class AwaitsResults:
    """The part of a publisher that waits for what its jobs return."""

    _connection: Connection

    @cached_property
    def _watch(self) -> JobWatch:
        return JobWatch(self._connection, ())

    async def publish(
        self,
        message: Message,
        *,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Published:
        """Publish a job to be done now."""
        raise NotImplementedError

    @overload
    async def publish_and_wait(
        self,
        message: Message,
        result_type: type[R],
        *,
        timeout_seconds: float,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> R: ...

    @overload
    async def publish_and_wait(
        self,
        message: Message,
        result_type: Any = Any,
        *,
        timeout_seconds: float,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any: ...

    async def publish_and_wait(
        self,
        message: Message,
        result_type: Any = Any,
        *,
        timeout_seconds: float,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Publishes a job to be done now, and returns its `job.result`, checked and made into a `result_type`.

        That of a job that has none is None, as JSON's null is: `Counted | None` takes both.

        Raises:
            JobDeadError, JobResultError: it was given up on; or is done, and returned something else.
            JobNotOverError: it is accepted, and was not over in time. The same id again waits for the same job.
        """
        job_id = job_id or new_job_id()
        await self._watch.hear(checked_type(message.TYPE))
        with self._watch.watching(message.TYPE, job_id) as watched:
            if (await self.publish(message, job_id=job_id, tenant=tenant, headers=headers)).duplicate:
                self._watch.find(message.TYPE, job_id)
            return await _wait_for_result(self._watch, watched, message.TYPE, job_id, result_type, timeout_seconds)


async def _wait_for_result(  # noqa: PLR0917 - which job, and for how long
    watch: JobWatch, watched: Watched, job_type: str, job_id: str, result_type: Any, seconds: float
) -> Any:
    """Return what a job returned, as `result_type`; it is watched since before it was published.

    Raises:
        JobDeadError: it was given up on.
        JobNotOverError: it was not over in time.
        JobResultError: it returned something else.
    """
    last: JobEvent | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                event = await watched.next(_LOOK_AGAIN_SECONDS)
                if event is None or (event.is_over and event.what != "dead" and event.result is UNSET):
                    watch.find(job_type, job_id)
                elif event.result is not UNSET:
                    return _converted(job_type, job_id, event.result, result_type)
                elif event.what == "dead":
                    raise JobDeadError(job_type, job_id, event.error or "unknown", event.attempt)
                last = event or last
    except TimeoutError as late:
        raise JobNotOverError(job_type, job_id, seconds, last) from late


def _converted(job_type: str, job_id: str, result: Any, result_type: Any) -> Any:
    try:
        return msgspec.convert(result, result_type)
    except msgspec.ValidationError as error:
        raise JobResultError(f"{job_type} {job_id} is done, and returned something else: {error}") from None

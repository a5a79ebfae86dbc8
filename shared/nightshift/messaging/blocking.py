"""A publisher for plain synchronous code: Django, Flask, scripts. The asynchronous one does the work, on a thread."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Any, Self, TypeVar, overload

from nightshift.broker import Connection, connect
from nightshift.config.settings import ProcessSettings
from nightshift.contract.message import Message
from nightshift.messaging.enqueue import enqueue
from nightshift.messaging.own_transaction import OwnTransaction
from nightshift.messaging.publisher import Entry, Publisher, Receipt
from nightshift.objects import ObjectStore
from nightshift.outcomes import Unavailable

T = TypeVar("T")


class BlockingPublisher:
    """Publishes jobs from any thread, and returns when the broker has them; raises what `Publisher` raises.

    Make one per process, at import: nothing connects before the first job is published, also after a fork. A test
    passes an `InMemoryPublisher`.
    """

    def __init__(
        self,
        settings: ProcessSettings | None = None,
        objects: ObjectStore | None = None,
        *,
        name: str = "web",
        timeout_seconds: float = 10.0,
        publisher: Publisher | None = None,
    ) -> None:
        """Publish to the broker of `settings`, or by `publisher`. `timeout_seconds` is for the connection, too."""
        self._settings, self._objects, self._name = settings or ProcessSettings(), objects, name
        self._timeout_seconds, self._given = timeout_seconds, publisher
        self._lock = Lock()
        self._session: _Session | None = None

    def publish(
        self,
        message: Message,
        *,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Publish a job to be done now; see `Publisher.publish`."""
        return self._do(lambda it: it.publish(message, job_id=job_id, tenant=tenant, headers=headers))

    def publish_later(
        self,
        message: Message,
        *,
        at: datetime | None = None,
        delay: timedelta | None = None,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Publish a job to be done at a time; see `Publisher.publish_later`."""
        return self._do(
            lambda it: it.publish_later(message, at=at, delay=delay, job_id=job_id, tenant=tenant, headers=headers)
        )

    def publish_many(self, entries: Sequence[Message | Entry]) -> list[Receipt]:
        """Publish up to 1,000 jobs of one service, all or nothing; see `Publisher.publish_many`."""
        return self._do(lambda it: it.publish_many(entries))

    @overload
    def publish_and_wait(
        self,
        message: Message,
        result_type: type[T],
        *,
        timeout_seconds: float,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T: ...

    @overload
    def publish_and_wait(
        self,
        message: Message,
        result_type: Any = Any,
        *,
        timeout_seconds: float,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any: ...

    def publish_and_wait(
        self,
        message: Message,
        result_type: Any = Any,
        *,
        timeout_seconds: float,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Publish a job to be done now, and return what it returned; see `Publisher.publish_and_wait`."""
        own: dict[str, Any] = {"job_id": job_id, "tenant": tenant, "headers": headers}
        return self._do(lambda it: it.publish_and_wait(message, result_type, timeout_seconds=timeout_seconds, **own))

    def cancel(self, job_type: str, job_id: str) -> bool:
        """Take back a job that waits for its time; see `Publisher.cancel`."""
        return self._do(lambda it: it.cancel(job_type, job_id))

    def enqueue(self, connection: OwnTransaction, message: Message, **options: Any) -> str:
        """Write a job into the outbox in the caller's transaction; see `nightshift.enqueue`. No broker is asked."""
        return enqueue(connection, message, **options)

    def close(self) -> None:
        """Close the connection, if there is one, and end what other threads wait for; the next job makes another."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None and session.process == os.getpid():
            session.interrupt()
            session.run(session.close())
            session.loop.call_soon_threadsafe(session.loop.stop)
            session.thread.join()
            session.loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, action: Callable[[Publisher], Coroutine[Any, Any, T]]) -> T:
        with self._lock:
            if self._session is None or self._session.process != os.getpid():  # a fork has no threads of its parent's
                self._session = _Session(self._connect)
            session = self._session
        return session.run(session.do(action))

    async def _connect(self) -> tuple[Publisher, Connection | None]:
        if self._given is not None:
            return self._given, None
        connection = await connect(self._settings, name=self._name, wait_seconds=self._timeout_seconds)
        return Publisher(connection, self._objects, timeout_seconds=self._timeout_seconds), connection


class _Session:
    """One event loop on a thread of its own, and the connection that lives there."""

    def __init__(self, connecting: Callable[[], Awaitable[tuple[Publisher, Connection | None]]]) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, name="nightshift-publisher", daemon=True)
        self.thread.start()
        self._connecting, self._one_at_a_time = connecting, asyncio.Lock()
        self._answers: set[Future[Any]] = set()
        self._publisher: Publisher | None = None
        self._connection: Connection | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there, and wait for it here.

        Raises:
            Unavailable: another thread has closed the session meanwhile.
        """
        answer = asyncio.run_coroutine_threadsafe(work, self.loop)
        self._answers.add(answer)
        try:
            return answer.result()
        except CancelledError:
            raise Unavailable("broker", "the publisher was closed meanwhile") from None
        finally:
            self._answers.discard(answer)

    def interrupt(self) -> None:
        """End what other threads still wait for."""
        for answer in tuple(self._answers):
            answer.cancel()

    async def do(self, action: Callable[[Publisher], Coroutine[Any, Any, T]]) -> T:
        """Connect if that has not happened yet, and do something."""
        async with self._one_at_a_time:
            if self._publisher is None:
                self._publisher, self._connection = await self._connecting()
        return await action(self._publisher)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

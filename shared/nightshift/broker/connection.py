"""One connection to the broker: nats-py's client, with a robust reader and a short path in and out for jobs."""

import asyncio
import contextlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nats.errors import Error, NoRespondersError

from nightshift.broker.asked import Asked, Take, Waiting, asked_for_one
from nightshift.broker.error_log import ErrorLog
from nightshift.broker.errors import BrokerRefusedError, NotStoredError
from nightshift.broker.headers import STATUS, encode
from nightshift.broker.message import Reply
from nightshift.broker.parser import Parser, Receive
from nightshift.broker.patched_client import PatchedClient
from nightshift.outcomes import Unavailable

_NO_RESPONDERS = "503"
_REMEMBERED_SECONDS = 60.0
_TOO_LARGE = 10054
"""The code with which a stream refuses what exceeds its own limit."""
_DENIED = re.compile(r'permissions violation for publish to "([^"]+)"')
T = TypeVar("T")


class Connection(PatchedClient):
    """A NATS client that survives malformed messages and waits while the broker is unavailable.

    `direct` maps a subscription's id to the function that takes its messages straight from the reader.
    `on_reconnect` functions run after each reconnect; `closed` is set when the connection is gone for good.
    `api` begins the subjects of requests to JetStream.
    """

    def __init__(self, api: str = "$JS.API") -> None:
        super().__init__()
        self.api = api
        self.direct: dict[int, Receive] = {}
        self._ps: Any = Parser(self, self.direct)
        self.on_reconnect: list[Callable[[], None]] = []
        self.closed = asyncio.Event()
        self.up = asyncio.Event()
        self._waiting = Waiting()
        self._reply_prefix = b""
        self._error_log = ErrorLog()
        self.unanswered: dict[str, float] = {}
        """Streams, as the first two tokens of a subject, and when a publish there was last left without an answer."""

    @property
    def server_info(self) -> Mapping[str, Any]:
        """Return what the broker said about itself in its greeting (`INFO` in the NATS protocol)."""
        return self._server_info

    async def listen(self, subject: str, receive: Receive, queue: str = "") -> int:
        """Subscribe `receive` directly; return the id for `unlisten`. Of a queue's members one gets each message."""
        subscription = await self.subscribe(subject, queue, cb=_nothing)
        self.direct[subscription._id] = receive  # noqa: SLF001 - the public attribute does not exist
        return int(subscription._id)  # noqa: SLF001

    async def unlisten(self, sid: int) -> None:
        """End a direct subscription; whatever the broker had sent by then has been received on return."""
        subscription = self._subs.get(sid)
        if subscription is not None and not self.is_closed:
            with contextlib.suppress(Exception):  # an unavailable broker has nothing more to send
                await self._send_unsubscribe(sid)
                await self.flush(timeout=2)
            subscription._stop_processing()  # noqa: SLF001 - ends the library's idle task
            self._remove_sub(sid)
        self.direct.pop(sid, None)

    def at_end_of_read(self, function: Callable[[], None]) -> None:
        """Call a function, which must not raise, once all that the broker has sent by now was received."""
        self._ps.at_end(function)

    def send(self, subject: bytes, body: bytes = b"", reply: bytes = b"", header: bytes = b"") -> None:
        """Publish without waiting; while the broker is unavailable the message is kept until the reconnect."""
        if header:
            command = b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
                subject,
                reply,
                len(header),
                len(header) + len(body),
                header,
                body,
            )
        else:
            command = b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(body), body)
        self._write(command)

    def send_empty(self, subjects: Sequence[bytes]) -> None:
        """Publish an empty message on each subject, at least one, in one piece, as `send` does."""
        self._write(b"PUB %b 0\r\n\r\n" % b" 0\r\n\r\nPUB ".join(subjects))

    def _write(self, command: bytes) -> None:
        self._pending.append(command)
        self._pending_data_size += len(command)
        queue = self._flush_queue
        if queue is not None and queue.empty():
            queue.put_nowait(asyncio.get_running_loop().create_future())

    def check_size(self, subject: str, header: bytes, body: bytes) -> None:
        """Refuse a message that the broker would not take: it would drop the connection, and nats-py stay closed.

        Raises:
            BrokerRefusedError: the message is larger than the broker's `max_payload`.
        """
        size = len(header) + len(body)
        if size > self.max_payload:
            raise BrokerRefusedError(
                subject, _TOO_LARGE, f"{size} bytes exceed the broker's max_payload of {self.max_payload}"
            )

    async def storing(self) -> None:
        """Check that no publish was left without an answer lately, by a broker that answers otherwise.

        Raises:
            NotStoredError: one was, and none on that stream has been stored since.
        """
        if silent := sorted(stream for stream in self.unanswered if self.was_silent(stream)):
            raise NotStoredError(f"no answer on {', '.join(silent)}")

    def was_silent(self, stream: str) -> bool:
        """Return whether a publish to a stream was left without an answer lately, and none was stored since."""
        at = self.unanswered.get(stream)
        return at is not None and asyncio.get_running_loop().time() - at < _REMEMBERED_SECONDS

    async def answers(self, timeout_seconds: float) -> bool:
        """Return whether the broker answers a ping in time."""
        with contextlib.suppress(TimeoutError, OSError, Error):
            await self.flush(timeout=math.ceil(timeout_seconds))
            return True
        return False

    async def ready(self, timeout_seconds: float) -> None:
        """Wait until the connection is up.

        Raises:
            Unavailable: it is not, after that time.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.up.wait()
        except TimeoutError:
            raise Unavailable("broker", f"not connected for {timeout_seconds:g} s") from None

    async def ask(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None, *, timeout_seconds: float = 5.0
    ) -> Reply:
        """Send a request and wait for its reply.

        Raises:
            Unavailable: the broker is unavailable, or did not answer in time; at once (`AnswerLostError`) when the
                connection is lost.
            NotPermittedError: the broker says that this user may not publish there.
            BrokerRefusedError: the message is larger than the broker takes.
            NoRespondersError: nobody listens: no stream takes the subject, or a leader is being elected.
        """
        header = encode(headers) if headers else b""
        self.check_size(subject, header, body)
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._request(asked_for_one(subject), body, header)
        except TimeoutError:
            raise Unavailable("broker", f"no answer to {subject} within {timeout_seconds:g} s") from None
        if answer.headers.get(STATUS) == _NO_RESPONDERS and not answer.body:
            raise NoRespondersError
        return answer

    async def ask_for_many(self, subject: str, body: bytes, take: Take, complete: "asyncio.Future[T]") -> T:
        """Send a request that many messages answer: `take` gets header and body of each, until `complete` is done.

        Raises:
            AnswerLostError: the connection is lost.
            NotPermittedError: the broker says that this user may not publish there.
        """
        return await self._request(Asked(subject, complete, take), body, b"")

    async def _request(self, asked: Asked[T], body: bytes, header: bytes) -> T:
        await self.up.wait()
        if not self._reply_prefix:
            self._reply_prefix = self.new_inbox().encode() + b"."
            await self.listen(self._reply_prefix.decode() + "*", self._waiting.answer)
        reply = self._waiting.add(asked, self._reply_prefix)
        try:
            self.send(asked.subject.encode("utf-8", "surrogateescape"), body, reply, header)
            return await asked.complete
        finally:
            self._waiting.forget(reply)

    async def heard_error(self, error: Exception) -> None:
        """Fail the requests to which the broker refuses permission; log any other error."""
        denied = _DENIED.search(str(error))
        if not denied or not self._waiting.refuse(denied[1]):
            self._error_log.report(error)

    async def was_lost(self) -> None:
        """Fail the requests in flight: their replies will not come any more."""
        self.up.clear()
        self._waiting.lose()

    async def is_back(self) -> None:
        """Run the functions that wait for a reconnect."""
        self.up.set()
        for function in self.on_reconnect:
            function()

    async def is_gone(self) -> None:
        """Note that the client gave up for good, which it never should: the process has to end."""
        self.up.clear()
        self.closed.set()


async def _nothing(_message: object) -> None:
    """Satisfy the library, which wants a callback; the messages of a direct subscription never come here."""

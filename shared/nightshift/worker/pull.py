"""The continuous pull of one consumer: a request is always open for as many jobs as there is room for."""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from nightshift.broker import Connection
from nightshift.broker.delivery import ACK_PREFIX, Delivery, read
from nightshift.broker.headers import DESCRIPTION, STATUS, decode
from nightshift.observability.log import get_logger
from nightshift.worker.policies import DEFAULT_POLICIES, Policies

_REQUEST_AGAIN_SECONDS = 0.5
"""After a refusal."""
_LOG_AGAIN_SECONDS = 30.0
_NOBODY_ANSWERS = "no stream or consumer of this name answers (has `nightshift provision` been run?)"
_PENDING = "Nats-Pending-Messages"
_HEARTBEAT, _EXPIRED, _CONFLICT, _NOBODY = "100", "408", "409", "503"
_log = get_logger("pull")


class Pull:
    """Pulls one durable consumer; `receive` gets what came together, in order.

    `acknowledged` is told the sequence of each delivery that was acknowledged.
    `outstanding` counts the jobs that were requested and have not come. `has_more` says whether the broker had
    more when it sent the last one.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        consumer: str,
        receive: Callable[[Sequence[Delivery]], None],
        policies: Policies = DEFAULT_POLICIES,
        *,
        acknowledged: Callable[[int], object] | None = None,
    ) -> None:
        self.stream, self.consumer, self._policies = stream, consumer, policies
        self._connection, self._receive, self._acknowledged = connection, receive, acknowledged
        self._next = f"{connection.api}.CONSUMER.MSG.NEXT.{stream}.{consumer}".encode()
        self._inbox, self._sid = b"", 0
        self._taken: list[Delivery] = []
        self.outstanding, self.has_more = 0, False
        self.last_heard = time.monotonic()
        self._not_before = 0.0
        self._logged = ("", 0.0)
        self._wanted_open = False
        self._renewing: asyncio.Task[None] | None = None
        self.failure = ""
        """Why the last attempt to open failed; empty when it did not."""

    @property
    def open(self) -> bool:
        """Whether requests can be sent: not before `start`, after `stop`, or while it begins anew."""
        return bool(self._inbox)

    async def start(self) -> None:
        """Open the inbox that deliveries come to."""
        self._wanted_open = True
        await self._open()

    async def _open(self) -> None:
        inbox = self._connection.new_inbox()
        self._sid = await self._connection.listen(inbox, self._take)
        self.outstanding, self.has_more, self.last_heard = 0, False, time.monotonic()
        self._inbox, self.failure = inbox.encode(), ""

    async def stop(self) -> None:
        """Take no more; what the broker had sent by then has been received on return."""
        self._wanted_open = False
        if self._renewing is not None:
            await self._renewing  # takes two seconds at most; amid it a delivery could be lost from sight
        if self._inbox:
            self._inbox = b""
            await self._connection.unlisten(self._sid)
        self._hand_over()

    def request(self, target: int) -> None:
        """Keep about `target` jobs requested; request more when half of them have come."""
        if self.outstanding > target // 2 or not self._inbox or time.monotonic() < self._not_before:
            return
        count = target - self.outstanding
        if count < 1:
            return
        if self.outstanding == 0:
            self.last_heard = time.monotonic()
        self.outstanding += count
        request = {
            "batch": count,
            "expires": int(self._policies.pull_expires_seconds * 1e9),
            "idle_heartbeat": int(self._policies.pull_heartbeat_seconds * 1e9),
        }
        self._connection.send(self._next, msgspec.json.encode(request), self._inbox)

    def check(self, now: float) -> None:
        """Begin anew when the broker has been silent for too long, or the last attempt failed; `now` is monotonic."""
        silence_seconds = self._policies.pull_silence_seconds
        if self.failure:
            self.renew()
        elif self.outstanding and now - self.last_heard > silence_seconds and self._connection.up.is_set():
            _log.info("pull_silent", f"No word about {self.stream} for {silence_seconds:g} s: pulling anew")
            self.renew()

    def renew(self) -> None:
        """Forget all open requests and begin with a new inbox, so that late replies to old requests are ignored."""
        if self._wanted_open and self._renewing is None:
            old, self._inbox = self._sid, b""
            self._renewing = asyncio.create_task(self._begin_anew(old))

    async def _begin_anew(self, old: int) -> None:
        try:
            await self._connection.unlisten(old)
            if not self._connection.is_closed:
                await self._open()
        except Exception as error:  # noqa: BLE001 - whatever it is, a pull that stays deaf would be worse
            self.failure = str(error) or repr(error)
            self._log_refusal(f"it is not pulled: {self.failure}")
        finally:
            self._renewing = None

    def _take(self, subject: bytes, reply: bytes, raw_headers: bytes, body: bytes) -> None:
        self.last_heard = time.monotonic()
        if not reply.startswith(ACK_PREFIX):  # headers alone say nothing: anybody can type them
            self._control(decode(raw_headers) if raw_headers else {})
            return
        delivery = read(self._connection, subject, reply, raw_headers, body, acknowledged=self._acknowledged)
        if not self._taken:
            self._connection.at_end_of_read(self._hand_over)
        self._taken.append(delivery)

    def _hand_over(self) -> None:
        """Hand over what has come, so that what came together is worked off together."""
        taken, self._taken = self._taken, []
        if taken:
            self.outstanding = max(0, self.outstanding - len(taken))
            self.has_more = taken[-1].pending > 0
            self._receive(taken)

    def _control(self, headers: dict[str, str]) -> None:
        status = headers.get(STATUS, "")
        if status == _HEARTBEAT:
            return
        left = headers.get(_PENDING, "")
        if left.isdigit() and status in (_EXPIRED, _CONFLICT):
            self.outstanding = max(0, self.outstanding - int(left))
            self.has_more = self.has_more and status == _CONFLICT
            return
        self._not_before = time.monotonic() + _REQUEST_AGAIN_SECONDS
        self._log_refusal(_NOBODY_ANSWERS if status == _NOBODY else headers.get(DESCRIPTION) or status)
        self.outstanding = 0
        self.renew()

    def _log_refusal(self, what: str) -> None:
        """Log a refusal; rate-limited while it goes on."""
        now = time.monotonic()
        if self._logged[0] != what or now - self._logged[1] > _LOG_AGAIN_SECONDS:
            self._logged = (what, now)
            _log.warning(
                "pull_refused", f"{self.stream}: {what}; trying again", stream=self.stream, consumer=self.consumer
            )

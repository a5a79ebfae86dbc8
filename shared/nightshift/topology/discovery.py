"""Discovery of running processes: the operator asks one question, and every process answers.

Plain messages outside of every stream: nothing is stored, and nothing is sent while nobody asks. Answers go to a
subject of the service's own, so that no service needs the right to publish to whatever inbox a question names.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import msgspec
from msgspec import Meta

from nightshift.broker import Connection
from nightshift.heartbeat import Heartbeat
from nightshift.version import VERSION

PING = "workers.ping"
ASK = "workers.ask"
"""Asks the worker that runs a job how far it is; it tells so on `events.<service>`."""
CANCEL = "workers.cancel"
"""Stops a job, on `workers.cancel.<type>`, which tells the broker whose jobs somebody may stop."""
FIND = "workers.find"
"""Asks for the end of a job that is done, on `workers.find.<type>`."""
FOUND = "workers.found"
"""The ledger's answer, on `workers.found.<type>`."""
HERE = "workers.here"
"""Answers come on `workers.here.<service>`."""

CHECKS_SECONDS = 10.0
"""An answer with checks of dependencies comes within this time; one without, at once."""
_STALLED_SECONDS = 6 * CHECKS_SECONDS


class Ping(msgspec.Struct, frozen=True, rename="camel"):
    """The operator's question. An empty body means the same as `{}`: only who is there."""

    checks: bool = False
    """Check the outside dependencies of the service first, and answer with the results."""


class CheckResult(msgspec.Struct, frozen=True, rename="camel"):
    """The result of checking one outside dependency of a service; `error` is empty if it can be used."""

    name: str
    ok: bool
    error: str = ""


class TypeCounts(msgspec.Struct, frozen=True, rename="camel"):
    """Jobs of one type since the worker started: how often each outcome, and the seconds they took in all."""

    outcomes: dict[str, int]
    seconds: float


class WorkerInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A running process."""

    service: str
    version: Annotated[str, Meta(description="Of Nightshift.")]
    host: str
    pid: int
    started: Annotated[datetime, Meta(tz=True)]
    health: str
    slots: int = 0
    in_flight: int = 0
    finished: int = 0
    types: Mapping[str, TypeCounts] = {}
    checks: list[CheckResult] | None = None
    """None in an answer to a question without checks, and from processes that know of none (older versions)."""
    not_ready: list[str] = []
    """Why the process cannot work now, as its `/readyz` says; empty: it can."""
    loop_lag_seconds: float | None = None
    """How late its event loop came to its work at worst in the last ten seconds; None from older versions."""
    app_version: str = ""
    """Of the application that it is a part of; empty where nobody has set it."""

    @property
    def release(self) -> str:
        """What a deploy changes."""
        return self.app_version or self.version

    @property
    def name(self) -> str:
        """The name that is different for every process."""
        return f"{self.service}@{self.host}:{self.pid}"


def cancel_subject(job_type: str) -> str:
    """Return the subject on which the worker that has a job of this type is told to stop it."""
    return f"{CANCEL}.{job_type}"


def find_subject(job_type: str) -> str:
    """Return the subject on which a worker is asked for the end of a job of this type."""
    return f"{FIND}.{job_type}"


def found_subject(job_type: str) -> str:
    """Return the subject on which the end of a job of this type is told to whoever asked."""
    return f"{FOUND}.{job_type}"


def reply_subject(service: str) -> str:
    """Return the subject on which a service's processes answer."""
    return f"{HERE}.{service}"


def describe_self(service: str, health: str) -> WorkerInfo:
    """Describe this process as it starts."""
    now = datetime.now(UTC)
    return WorkerInfo(
        service=service, version=VERSION, host=socket.gethostname(), pid=os.getpid(), started=now, health=health
    )


async def _no_checks() -> list[CheckResult]:
    return []


class Responder:
    """Answers the operator's questions for one process, for as long as its connection lives.

    A question without checks is answered at once, by the reader of the connection. Checks take time: they are run by
    `run`, one round after another, and questions that come during a round share the next.
    """

    def __init__(
        self,
        connection: Connection,
        describe: Callable[[], WorkerInfo],
        check: Callable[[], Awaitable[list[CheckResult]]] = _no_checks,
    ) -> None:
        self._connection, self._describe, self._check = connection, describe, check
        self._asked = asyncio.Event()

    async def start(self) -> None:
        """Listen for questions."""
        await self._connection.listen(PING, self._receive)

    async def run(self, heartbeat: Heartbeat) -> NoReturn:
        """Answer the questions that ask for checks, until cancelled."""
        while True:
            heartbeat.beat()
            await self._asked.wait()
            self._asked.clear()
            heartbeat.beat(_STALLED_SECONDS)
            checks = await self._check()
            self._answer(msgspec.structs.replace(self._describe(), checks=checks))

    def _receive(self, _subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        if _wants_checks(body):
            self._asked.set()
        else:
            self._answer(self._describe())

    def _answer(self, info: WorkerInfo) -> None:
        self._connection.send(reply_subject(info.service).encode(), msgspec.json.encode(info))


def _wants_checks(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body or b"{}", type=Ping).checks
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a question all the same
        return False

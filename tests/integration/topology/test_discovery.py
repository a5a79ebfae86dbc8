"""Discovery over a real broker: who is there, and what they depend on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.embedded.servers.broker import Broker
from nightshift.heartbeat import Heartbeat
from nightshift.topology.discovery import PING, CheckResult, Responder, WorkerInfo, describe_self, reply_subject
from tests.harness import connected, eventually

SERVICE = "probe"
Check = Callable[[], Awaitable[list[CheckResult]]]


class Operator:
    """Asks, and collects the answers."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.answers = list[WorkerInfo]()

    async def listen(self) -> None:
        """Collect answers from now on."""
        await self.connection.listen(reply_subject(SERVICE), self._receive)
        await self.connection.flush()

    async def ask(self, body: bytes = b"") -> None:
        """Ask who is there."""
        self.connection.send(PING.encode(), body)
        await self.connection.flush()

    def _receive(self, _subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        self.answers.append(msgspec.json.decode(body, type=WorkerInfo))


@asynccontextmanager
async def responding(broker: Broker, *check: Check) -> AsyncIterator[Operator]:
    """A process that answers, and an operator who asks."""
    async with connected(broker, SERVICE) as connection, connected(broker, "operator") as asking:
        me = describe_self(SERVICE, "http://127.0.0.1:1")
        responder = Responder(connection, lambda: me, *check)
        await responder.start()
        await connection.flush()
        operator = Operator(asking)
        await operator.listen()
        running = asyncio.create_task(responder.run(Heartbeat()))
        try:
            yield operator
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"checks": false}', b"not JSON", b"[1]", b"\xff"])
async def test_a_question_is_answered_without_checks(broker: Broker, body: bytes) -> None:
    """Whatever its body: a question that cannot be read is one all the same."""
    async with responding(broker) as operator:
        await operator.ask(body)
        await eventually(lambda: operator.answers, what="an answer")
        assert operator.answers[0].service == SERVICE
        assert operator.answers[0].checks is None


async def test_a_question_with_checks_is_answered_with_their_results(broker: Broker) -> None:
    """Once they are there; meanwhile other questions are answered."""
    go = asyncio.Event()
    results = [CheckResult("mail server", ok=False, error="refused")]

    async def check() -> list[CheckResult]:
        await go.wait()
        return results

    async with responding(broker, check) as operator:
        await operator.ask(b'{"checks": true}')
        await operator.ask()
        await eventually(lambda: operator.answers, what="the answer without checks")
        go.set()
        await eventually(lambda: len(operator.answers) == 2, what="the answer with checks")
        assert [answer.checks for answer in operator.answers] == [None, results]


async def test_questions_during_a_round_of_checks_share_the_next(broker: Broker) -> None:
    """However often the operator asks, a dependency is bothered by one check at a time."""
    go, rounds = asyncio.Event(), 0

    async def check() -> list[CheckResult]:
        nonlocal rounds
        rounds += 1
        await go.wait()
        return []

    async with responding(broker, check) as operator:
        await operator.ask(b'{"checks": true}')
        await eventually(lambda: rounds == 1, what="the first round begins")
        for _ in range(10):
            await operator.ask(b'{"checks": true}')
        await operator.ask()
        await eventually(lambda: operator.answers, what="all questions have arrived")
        go.set()
        await eventually(lambda: len(operator.answers) == 3, what="two answers with checks")
        assert rounds == 2


async def test_a_process_without_dependencies_answers_with_an_empty_list(broker: Broker) -> None:
    """So that the operator can tell it from an older version, which knows of no checks."""
    async with responding(broker) as operator:
        await operator.ask(b'{"checks": true}')
        await eventually(lambda: operator.answers, what="an answer")
        assert operator.answers[0].checks == []

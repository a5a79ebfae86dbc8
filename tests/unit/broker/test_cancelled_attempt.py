"""An attempt to connect that is cancelled at the moment at which it ends by itself."""

import asyncio
from typing import Any

import pytest
from nats.aio.transport import TcpTransport

from nightshift.broker.connect import connect
from nightshift.config.settings import ProcessSettings


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Task[Any]]:
    """Let each attempt fail as a refused one does, and in the same turn of the loop cancel the task behind it."""
    begun: list[asyncio.Task[Any]] = []

    async def refused(_transport: TcpTransport, *_: Any, **__: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        begun.append(task)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def refuse() -> None:
            answer.set_exception(ConnectionRefusedError())
            if len(begun) == 1:
                task.cancel()

        asyncio.get_running_loop().call_soon(refuse)
        await asyncio.wait_for(answer, 3)

    monkeypatch.setattr(TcpTransport, "connect", refused)
    return begun


async def test_a_cancellation_at_the_moment_of_a_failure_ends_the_connecting(attempts: list[asyncio.Task[Any]]) -> None:
    """Nothing is tried after it."""
    connecting = asyncio.create_task(connect(ProcessSettings(), name="test"))
    await asyncio.wait({connecting}, timeout=10)
    assert (connecting.cancelled(), len(attempts)) == (True, 1)

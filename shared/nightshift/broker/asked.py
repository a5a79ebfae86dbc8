"""Requests that wait for their answers, each under a reply subject of its own."""

import asyncio
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from nightshift.broker.errors import AnswerLostError, NotPermittedError
from nightshift.broker.headers import decode
from nightshift.broker.message import Reply

Take = Callable[[bytes, bytes], object]
"""Takes header and body of one message of an answer; must not raise."""
T = TypeVar("T")


class Asked(NamedTuple, Generic[T]):
    """A request on its way: where to, what is done when it is answered, and who takes the messages of the answer."""

    subject: str
    complete: "asyncio.Future[T]"
    take: Take


def asked_for_one(subject: str) -> Asked[Reply]:
    """Return a request that one message answers."""
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    return Asked(subject, future, partial(_whole, future))


class Waiting:
    """The requests of a connection that are not answered yet."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._requests: dict[bytes, Asked[Any]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._requests)

    def add(self, asked: Asked[Any], prefix: bytes) -> bytes:
        """Add a request; return its reply subject, which begins with the prefix."""
        reply = b"%b%d" % (prefix, next(self._numbers))
        self._requests[reply] = asked
        return reply

    def forget(self, reply: bytes) -> None:
        """Take no more of an answer."""
        self._requests.pop(reply, None)

    def answer(self, subject: bytes, _reply: bytes, header: bytes, body: bytes) -> None:
        """Give a message to the request that it answers."""
        asked = self._requests.get(subject)
        if asked is not None and not asked.complete.done():
            asked.take(header, body)

    def refuse(self, subject: str) -> bool:
        """Fail those on a subject, in lower case, for want of permission; return whether there were any."""
        refused = [asked for asked in self._open() if asked.subject.lower() == subject]
        for asked in refused:
            why = "this user has no permission to publish there"
            asked.complete.set_exception(NotPermittedError(asked.subject, 0, why))
        return bool(refused)

    def lose(self) -> None:
        """Fail all: the connection is lost, and their answers will not come any more."""
        for asked in self._open():
            asked.complete.set_exception(AnswerLostError(asked.subject))

    def _open(self) -> list[Asked[Any]]:
        return [asked for asked in self._requests.values() if not asked.complete.done()]


def _whole(future: "asyncio.Future[Reply]", header: bytes, body: bytes) -> None:
    """Take a message that is the whole answer."""
    future.set_result(Reply(decode(header) if header else {}, body))

"""Count dead letters by asking the broker for the state of its dead-letter streams."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from nightshift import Permanent
from nightshift.broker import BrokerRefusedError, Connection, NotPermittedError
from nightshift.broker.jetstream import manage
from services.report.queries.dead_letters import DeadLetters

_MAX_TYPES = 50
"""Each misspelt type has dead letters of its own: beyond this many types, the rest are counted together."""
_OTHERS = "other types"
_NO_STREAM = 10059
_PREFIX = "dead."


class StreamDeadLetterCounts:
    """`DeadLetterCounts` by `$JS.API.STREAM.INFO.<stream>`.

    The answer says how many messages a stream holds on which subjects, and contains none of them: the service needs
    no permission to read or delete dead letters, or to create a consumer.
    """

    def __init__(self, connection: Connection, streams: Sequence[str]) -> None:
        self._connection, self._streams = connection, streams

    async def count(self, now: datetime) -> DeadLetters:
        """See `DeadLetterCounts.count`."""
        waiting, ever = Counter[str](), dict[str, int]()
        for stream in self._streams:
            state = await self._state(stream)
            if state is not None:
                waiting.update(_by_type(state))
                ever[stream] = int(state.get("last_seq", 0))
        return DeadLetters(seen_at=now, waiting=_bounded(waiting), ever=ever)

    async def _state(self, stream: str) -> dict[str, Any] | None:
        """Return the stream's state; None if it does not exist (yet), and so holds no dead letter."""
        call = f"STREAM.INFO.{stream}"
        try:
            answer = await manage(self._connection, call, {"subjects_filter": ">"})
        except NotPermittedError as refused:
            raise Permanent(
                f"the broker does not let this service count dead letters: permit it to publish to $JS.API.{call}"
            ) from refused
        except BrokerRefusedError as refused:
            if refused.code == _NO_STREAM:
                return None
            raise
        state: dict[str, Any] = answer.get("state") or {}
        return state


def _by_type(state: dict[str, Any]) -> Counter[str]:
    subjects = state.get("subjects") or {}
    counted = Counter({subject.removeprefix(_PREFIX): int(count) for subject, count in subjects.items()})
    missing = int(state.get("messages", 0)) - counted.total()
    return counted + Counter({_OTHERS: missing})


def _bounded(waiting: Counter[str]) -> dict[str, int]:
    kept = dict(waiting.most_common(_MAX_TYPES))
    rest = waiting.total() - sum(kept.values())
    return kept | ({_OTHERS: kept.get(_OTHERS, 0) + rest} if rest else {})

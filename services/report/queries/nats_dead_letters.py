"""Counts dead letters by asking the broker about its dead-letter streams, and for nothing that is in them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from nightshift.broker import BrokerRefusedError, Connection, NotPermittedError
from nightshift.broker.jetstream import manage
from nightshift.outcomes import Permanent
from services.report.queries.dead_letters import DeadLetters

_MOST_TYPES = 50
"""Anybody can misspell a type, and each spelling has its dead letters: the rest are counted together."""
_OTHERS = "other types"
_NO_STREAM = 10059
_PREFIX = "dead."


class StreamDeadLetterCounts:
    """`DeadLetterCounts` over `$JS.API.STREAM.INFO.<stream>` of each of the streams.

    That request tells how many messages a stream holds on which subjects, and gives none of them away: this service
    needs no right to read, to delete or to make a consumer there.
    """

    def __init__(self, connection: Connection, streams: Sequence[str]) -> None:
        self._connection, self._streams = connection, streams

    async def look(self, now: datetime) -> DeadLetters:
        """See `DeadLetterCounts`."""
        waiting, ever = Counter[str](), dict[str, int]()
        for stream in self._streams:
            state = await self._state(stream)
            if state is not None:
                waiting.update(_by_type(state))
                ever[stream] = int(state.get("last_seq", 0))
        return DeadLetters(seen_at=now, waiting=_bounded(waiting), ever=ever)

    async def _state(self, stream: str) -> dict[str, Any] | None:
        """What the broker says; None where there is no such stream (yet), so no dead letter either."""
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
    kept = dict(waiting.most_common(_MOST_TYPES))
    rest = waiting.total() - sum(kept.values())
    return kept | ({_OTHERS: kept.get(_OTHERS, 0) + rest} if rest else {})

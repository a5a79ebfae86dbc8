"""Changes streams, and tells a person what to do where the broker only says that it cannot."""

from collections.abc import Mapping
from typing import Any

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import CHANGE_SECONDS, manage

_OVERLAPS, _UNCHANGEABLE = 10065, 10052
"""Another stream takes some of these subjects; what the storage or the retention is cannot be changed."""


async def apply(connection: Connection, call: str, config: Mapping[str, Any]) -> None:
    """Create or update (`call`) a stream.

    Raises:
        BrokerRefusedError: it cannot be made so; says what is in the way, and what to do.
        Unavailable: the broker is unavailable.
    """
    name = config["name"]
    try:
        await manage(connection, f"STREAM.{call}.{name}", config, timeout_seconds=CHANGE_SECONDS)
    except BrokerRefusedError as refused:
        if refused.code == _OVERLAPS:
            others = [other for one in config["subjects"] for other in await _streams_of(connection, one)]
            what = f"its subjects belong to {', '.join(sorted({*others} - {name}))}: remove them from there"
        elif refused.code == _UNCHANGEABLE:
            what = f"it was made otherwise: if nothing that it holds is needed, remove the stream {name}"
        else:
            raise
        raise BrokerRefusedError(
            refused.subject, refused.code, f"{refused.description}; {what}, and run this again"
        ) from None


async def _streams_of(connection: Connection, subject: str) -> list[str]:
    """Return the streams that take any of what a subject stands for."""
    answer = await manage(connection, "STREAM.NAMES", {"subject": subject})
    return [str(name) for name in answer.get("streams") or ()]

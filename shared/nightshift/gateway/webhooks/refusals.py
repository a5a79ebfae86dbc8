"""What the operator is told of refused webhooks: the reason, and after some in a row what is usually wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from nightshift.observability.log import get_logger
from nightshift.webhooks.source import Source
from nightshift.webhooks.verdict import Refused

IN_A_ROW = 5
_LINES, _PER_SECONDS = 10, 60.0
"""So many lines of one source in so long: a flood of forgeries must not fill the disk."""
_HINT_SECONDS = 600.0
_log = get_logger("webhooks")


@dataclass(slots=True)
class _State:
    in_a_row: int = 0
    window_since: float = 0.0
    lines: int = 0
    unsaid: int = 0
    hinted_at: float = float("-inf")


class Refusals:
    """Never logs a body, a header or an address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}

    def accepted(self, source: Source) -> None:
        """Note that the source has verified something: its configuration works."""
        state = self._states.get(source.name)
        if state is not None:
            state.in_a_row = 0

    def refused(self, source: Source, refused: Refused, request_id: str) -> None:
        """Log a refusal; the fifth in a row also with what is usually wrong."""
        state = self._states.setdefault(source.name, _State())
        now = self._clock()
        state.in_a_row += 1
        if now - state.window_since >= _PER_SECONDS:
            state.window_since, state.lines = now, 0
        if state.lines < _LINES:
            state.lines += 1
            self._log(source, refused, request_id, state)
        else:
            state.unsaid += 1
        if state.in_a_row == IN_A_ROW and now - state.hinted_at >= _HINT_SECONDS:
            state.hinted_at = now
            _log.error("webhooks_all_refused", _hint(source, refused), source=source.name, reason=refused.reason)

    def _log(self, source: Source, refused: Refused, request_id: str, state: _State) -> None:
        unsaid, state.unsaid = state.unsaid, 0
        _log.warning(
            "webhook_refused",
            f"A webhook for {source.name} was refused: {refused.reason}",
            source=source.name,
            reason=refused.reason,
            clock_difference_seconds=refused.clock_difference_seconds,
            request_id=request_id,
            not_logged_before=unsaid,
        )


def _hint(source: Source, refused: Refused) -> str:
    what = f"The last {IN_A_ROW} webhooks for {source.name} were refused ({refused.reason}), none was accepted"
    match refused.reason:
        case "timestamp-old" | "timestamp-future":
            return (
                f"{what}: the signed time is {refused.clock_difference_seconds} s from ours. Usually one of the clocks "
                "is wrong (does this machine run NTP?), or a queue before the gateway holds requests back"
            )
        case "no-header" | "malformed":
            return (
                f"{what}: usually the provider sends to another source's address, a proxy removes the header of the "
                f"signature, or somebody else sends here. The scheme is {source.kind}"
            )
    return f"{what}: usually {source.scheme.USUALLY}"

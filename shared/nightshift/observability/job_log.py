"""The one log line per job."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nightshift.observability.line_batch import LineBatch
from nightshift.observability.sanitize import clean_text

_LONGEST_ID = 200
"""Characters of a job type or id that are shown; anybody can type longer ones."""


class JobLine(msgspec.Struct, omit_defaults=True):
    """One job's line, in the order of its fields."""

    timestamp: str
    level: str
    service: str
    event: str
    type: str
    job_id: str
    attempt: int
    duration_ms: float
    outcome: str
    success: bool
    error: str | None = None
    trace_id: str | None = None


JobEnd = tuple[str, str, int, float, str, bool, str | None, str | None]
"""Type, id, attempt, milliseconds as they are shown, outcome, whether that is a success, error and trace id of a
delivery that ended."""


class JobLines(LineBatch[JobLine]):
    """Collects job lines and writes them together; tens of thousands a second come here."""

    def extend(self, ends: Iterable[JobEnd]) -> None:
        """Add lines, to be written at the end of the loop's iteration, or at once if no loop runs."""
        now, service = self._now(), self._service
        self.write_soon(
            JobLine(
                now,
                "info" if success else "warning",
                service,
                "job",
                job_type if len(job_type) <= _LONGEST_ID else job_type[:_LONGEST_ID] + "…",
                job_id if len(job_id) <= _LONGEST_ID else job_id[:_LONGEST_ID] + "…",
                attempt,
                duration_ms,
                outcome,
                success,
                None if error is None else clean_text(error),
                trace_id,
            )
            for job_type, job_id, attempt, duration_ms, outcome, success, error, trace_id in ends
        )

    def _typed_by_others(self, lines: Sequence[JobLine]) -> str:
        return "\n".join([*{line.type for line in lines}, *[f"{line.job_id} {line.trace_id}" for line in lines]])

    def _sentence(self, values: dict[str, Any]) -> dict[str, Any]:
        values["message"] = f"{values['type']} {values['outcome']} in {values['duration_ms']:.1f} ms"
        return {
            name: value for name, value in values.items() if name not in {"type", "outcome", "duration_ms", "success"}
        }

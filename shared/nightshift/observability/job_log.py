"""The one log line per job."""

from collections.abc import Sequence
from typing import Any

import msgspec

from nightshift.observability.line_batch import LineBatch
from nightshift.observability.sanitize import clean_text

_LONGEST_ID = 200
"""Characters of a job type or id that are shown; anybody can type longer ones."""


class JobLine(msgspec.Struct, omit_defaults=True, gc=False):
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


class JobEnds(msgspec.Struct):
    """Deliveries that ended alike; the lists have an entry for each.

    `error` says what happened, `fault` is the class of it, or why the job was given up on; both are None where it went
    well.
    """

    type: str
    attempt: int
    outcome: str
    error: str | None = None
    fault: str | None = None
    ids: list[str] = msgspec.field(default_factory=list)
    seconds: list[float] = msgspec.field(default_factory=list)
    milliseconds: list[float] = msgspec.field(default_factory=list)
    """The same, as they are shown."""
    tenants: list[str | None] = msgspec.field(default_factory=list)
    traces: list[str | None] = msgspec.field(default_factory=list)


class JobLines(LineBatch[JobLine]):
    """Collects job lines and writes them together; tens of thousands a second come here."""

    def extend(self, ends: JobEnds) -> None:
        """Add lines, to be written at the end of the loop's iteration, or at once if no loop runs."""
        now, job_type, success = self._now(), _cut(ends.type), ends.error is None
        level = "info" if success else "warning"
        error = None if ends.error is None else clean_text(ends.error)
        self.write_soon(
            JobLine(
                now,
                level,
                self._service,
                "job",
                job_type,
                job_id if len(job_id) <= _LONGEST_ID else _cut(job_id),
                ends.attempt,
                milliseconds,
                ends.outcome,
                success,
                error,
                trace,
            )
            for job_id, milliseconds, trace in zip(ends.ids, ends.milliseconds, ends.traces, strict=True)
        )

    def _typed_by_others(self, lines: Sequence[JobLine]) -> str:
        ids, traces = [line.job_id for line in lines], [line.trace_id for line in lines if line.trace_id]
        return "\n".join([*{line.type for line in lines}, *ids, *traces])

    def _sentence(self, values: dict[str, Any]) -> dict[str, Any]:
        values["message"] = f"{values['type']} {values['outcome']} in {values['duration_ms']:.1f} ms"
        return {
            name: value for name, value in values.items() if name not in {"type", "outcome", "duration_ms", "success"}
        }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_ID else text[:_LONGEST_ID] + "…"

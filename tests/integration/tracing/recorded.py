"""Spans as a test reads them: kept in memory, found by their name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nightshift.runtime.spans import Spans
from tests.harness import eventually


@dataclass
class Recorded:
    """An exporter that keeps what it gets, and the spans that go to it."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.spans = Spans(self.provider.get_tracer("nightshift"))

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of this name, in the order in which they ended."""
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    async def ended(self, name: str, count: int = 1) -> Sequence[ReadableSpan]:
        """Exactly so many spans of this name, once they have ended."""
        found = await eventually(
            lambda: self.named(name) if len(self.named(name)) >= count else None, what=f"{count} spans {name}"
        )
        assert len(found) == count
        return list(found)

    async def one(self, name: str) -> ReadableSpan:
        """The one span of this name, once it has ended."""
        (span,) = await self.ended(name)
        return span


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def trace_id(span: ReadableSpan) -> str:
    """Its trace, as `traceparent` and the log write it."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def span_id(span: ReadableSpan) -> int:
    """Return the span id that its children name as their parent."""
    assert span.context is not None
    return int(span.context.span_id)


def parent_id(span: ReadableSpan) -> int | None:
    """The span that it is a child of."""
    return None if span.parent is None else span.parent.span_id


def links(span: ReadableSpan) -> list[int]:
    """The spans that it is linked with."""
    return [link.context.span_id for link in span.links]


def traceparent(span: ReadableSpan) -> str:
    """The header of what it sends, up to the flags."""
    return f"00-{trace_id(span)}-{span_id(span):016x}-"

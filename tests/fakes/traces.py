"""Traces that stay in this process: the SDK's own in-memory exporter, and questions to it."""

from collections.abc import Mapping

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentrun_operator.telemetry.otel import OtelTracer


class MemoryTraces:
    """A tracer, and the spans that it has told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = OtelTracer(provider)

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return the spans that have ended, in that order."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """Return the one span of a name."""
        (found,) = [span for span in self.spans() if span.name == name]
        return found

    def passes(self, **attributes: object) -> list[ReadableSpan]:
        """Return the passes with such attributes."""
        wanted = {f"agentrun.{name}": value for name, value in attributes.items()}.items()
        found = (span for span in self.spans() if span.name.startswith("reconcile "))
        return [span for span in found if wanted <= told(span).items()]

    def calls(self, of: ReadableSpan) -> list[ReadableSpan]:
        """Return the calls of a pass."""
        return [s for s in self.spans() if s.parent and s.parent.span_id == ids(of)[1]]

    def shown(self) -> str:
        """Return all that would be sent, as text."""
        return "".join(span.to_json() for span in self.spans())


def told(span: ReadableSpan) -> Mapping[str, object]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def rows(span: ReadableSpan) -> list[object]:
    """Return the rows of the decision tables that a pass went through."""
    return [(event.attributes or {})["agentrun.row"] for event in span.events]


def ids(span: ReadableSpan) -> tuple[int, int]:
    """Return the ids of trace and span."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id

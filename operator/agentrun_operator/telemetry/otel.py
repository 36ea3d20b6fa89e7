"""Traces by OpenTelemetry: `reconcile.tracing` on its SDK, sent by OTLP over HTTP.

What a span holds is listed here, and nothing else gets in: names and numbers of closed sets, the
name of the object, ids of requests. Exceptions are told by their class, because their words may
quote the cloud or a value.
"""

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Self

import structlog
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agentrun_operator import __version__
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.decide import Row
from agentrun_operator.reconcile.memory import Memory
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.tracing import UNTRACED, CallSpan, PassSpan

SERVICE: Final = "agentrun-operator"
CLOSE_SECONDS: Final = 2.0
"""For the last spans; a collector that hangs must not hold up the end of the process."""

_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_CLIENT_ERRORS = 400
_NOT_FOUND = 404

log = structlog.get_logger(__name__)


def exporting() -> "OtelTracer":
    """Return a tracer that sends to a collector, as the variables `OTEL_*` of the process say.

    Raises:
        ValueError: a variable is no number.
    """
    # It says something at each try; `Told` says it once.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    ours = Resource({"service.name": SERVICE, "service.version": __version__})
    # Each wins over those before it: the first one knows the SDK, the last one the variables.
    resource = Resource.create().merge(ours).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Told(OTLPSpanExporter())))
    return OtelTracer(provider)


class Told(SpanExporter):
    """Says in our own log when spans cannot be sent, and when they can again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._works = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; those that cannot be sent are lost."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whose words are not ours to tell
            result = SpanExportResult.FAILURE
        works = result is SpanExportResult.SUCCESS
        if self._works and not works:
            log.warning("traces: the collector takes no spans", lost=len(spans))
        elif works and not self._works:
            log.info("traces: the collector takes spans again")
        self._works = works
        return result

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what the exporter holds."""
        return self._exporter.force_flush(timeout_millis)


class OtelTracer:
    """Implements `tracing.Tracer` on one provider."""

    def __init__(self, provider: TracerProvider, *, close_seconds: float = CLOSE_SECONDS) -> None:
        """Begin spans of `provider`, which `close` shuts down."""
        self._provider = provider
        self._close_seconds = close_seconds
        self._tracer = provider.get_tracer(SERVICE, __version__)

    def pass_over(self, obj: KubeObject, memory: Memory | None) -> PassSpan:
        """See `Tracer.pass_over`. It is a trace of its own."""
        key = obj.key
        named = {"agentrun.namespace": key.namespace} if key.namespace else {}
        attributes: dict[str, str | int] = {
            **named,
            "agentrun.kind": key.kind,
            "agentrun.name": key.name,
            "agentrun.uid": obj.uid,
            "agentrun.generation": obj.generation,
            "agentrun.retries": 0 if memory is None else memory.failures.count,
        }
        return _Pass(self._tracer.start_span(f"reconcile {key.kind}", attributes=attributes))

    def current(self) -> PassSpan:
        """See `Tracer.current`."""
        return _current.get() or UNTRACED

    def cloud_call(self, operation: str, method: str) -> CallSpan:
        """See `Tracer.cloud_call`."""
        return self._call(operation, method, peer="AgentRun")

    def cluster_call(self, operation: str, method: str, *, resends: int) -> CallSpan:
        """See `Tracer.cluster_call`."""
        if _current.get() is None:
            return UNTRACED
        return self._call(operation, method, peer="Kubernetes", resends=resends)

    def _call(self, operation: str, method: str, *, peer: str, resends: int = 0) -> "_Call":
        attributes: dict[str, str | int] = {
            "peer.service": peer,
            "agentrun.operation": operation,
            "http.request.method": method,
        }
        if resends:
            attributes["http.request.resend_count"] = resends
        span = self._tracer.start_span(operation, kind=SpanKind.CLIENT, attributes=attributes)
        return _Call(span)

    def exemplar(self) -> dict[str, str] | None:
        """See `Tracer.exemplar`."""
        here = trace.get_current_span().get_span_context()
        if not (here.is_valid and here.trace_flags.sampled):
            return None
        return {
            "trace_id": trace.format_trace_id(here.trace_id),
            "span_id": trace.format_span_id(here.span_id),
        }

    def close(self) -> None:
        """See `Tracer.close`."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(self._close_seconds)


class _Open:
    """A span that is the current one within its block."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._has_failed = False
        self._token: Token[otel_context.Context] | None = None

    def __enter__(self) -> Self:
        self._token = otel_context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            otel_context.detach(self._token)
        if kind is not None and not self._has_failed:
            self._fail(kind.__name__)
        self._span.end()

    def _fail(self, error_type: str) -> None:
        self._has_failed = True
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))


class _Pass(_Open):
    """See `tracing.PassSpan`."""

    def __enter__(self) -> Self:
        self._outer = _current.set(self)
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._outer)
        super().__exit__(kind, error, traceback)

    def decided(self, row: Row) -> None:
        """See `PassSpan.decided`. The attributes are those of the last decision."""
        if not self._span.is_recording():
            return
        decision = {"agentrun.row": row.name, "agentrun.action": row.action.value}
        self._span.set_attributes(decision)
        self._span.add_event("decided", decision)

    def ended(self, outcome: Outcome) -> None:
        """See `PassSpan.ended`."""
        self._span.set_attribute("agentrun.result", outcome.result)
        if outcome.verdict is not None:
            self._span.set_attribute("agentrun.reason", outcome.verdict.reason.value)
        if outcome.result == "error":
            self._has_failed = True
            self._span.set_status(Status(StatusCode.ERROR))


class _Call(_Open):
    """See `tracing.CallSpan`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return W3C's `traceparent`. No baggage: nobody else's words are passed on."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(self._span))
        return carrier

    def answered(self, code: str, request_id: str | None) -> None:
        """See `CallSpan.answered`. That something is not there is no failure."""
        if request_id is not None and _REQUEST_ID.fullmatch(request_id):
            self._span.set_attribute("agentrun.request_id", request_id)
        if not code.isdecimal():
            self._fail(code)
            return
        self._span.set_attribute("http.response.status_code", int(code))
        if int(code) >= _CLIENT_ERRORS and int(code) != _NOT_FOUND:
            self._fail(code)


_current: ContextVar[_Pass | None] = ContextVar("current_pass", default=None)

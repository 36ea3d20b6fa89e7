"""Spans as the SDK's own in-memory exporter holds them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, TraceFlags

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.snapshot import Snapshot
from agentrun_operator.reconcile import outcome
from agentrun_operator.reconcile.decide import row_of
from agentrun_operator.reconcile.memory import Memory
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.tracing import UNTRACED
from agentrun_operator.telemetry.logs import WITHHELD
from agentrun_operator.telemetry.otel import OtelTracer, Told
from fakes.traces import MemoryTraces, ids, told

CANARY = "canary-0123456789"
RAW = {
    "kind": "Tool",
    "metadata": {
        "namespace": "team",
        "name": "search",
        "uid": "uid-1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"note": CANARY},
    },
    "spec": {"description": CANARY},
    "status": {},
}
OBJ = KubeObject.of(RAW, "Tool")


@pytest.fixture
def traces() -> MemoryTraces:
    """Return a tracer that nothing was told to yet."""
    return MemoryTraces()


def test_a_pass_says_what_it_served_and_how_it_ended(traces: MemoryTraces) -> None:
    memory = Memory("uid-1")
    memory.failures.note_at_least(2)
    with traces.tracer.pass_over(OBJ, memory) as span:
        span.ended(Outcome(outcome.available(CANARY), 60.0, "requeue_after"))
    over = traces.named("reconcile Tool")
    assert told(over) == {
        "agentrun.namespace": "team",
        "agentrun.kind": "Tool",
        "agentrun.name": "search",
        "agentrun.uid": "uid-1",
        "agentrun.generation": 3,
        "agentrun.retries": 2,
        "agentrun.result": "requeue_after",
        "agentrun.reason": "Available",
    }
    assert over.parent is None
    assert over.status.status_code is StatusCode.UNSET


def test_the_last_decision_can_be_searched_and_each_has_its_time(traces: MemoryTraces) -> None:
    created = Snapshot(edited=False, ever_created=True)
    with traces.tracer.pass_over(OBJ, None):
        traces.tracer.current().decided(row_of(Snapshot(claimed=False)))
        traces.tracer.current().decided(row_of(created))
    over = traces.named("reconcile Tool")
    last = {"agentrun.row": "not looked yet", "agentrun.action": "look"}
    assert last.items() <= told(over).items()
    assert [dict(event.attributes or {}) for event in over.events] == [
        {"agentrun.row": "finalizer missing", "agentrun.action": "claim"},
        last,
    ]


def test_calls_belong_to_the_pass_that_makes_them(traces: MemoryTraces) -> None:
    with traces.tracer.pass_over(OBJ, None):
        with traces.tracer.cluster_call("GET secrets", "GET", resends=0) as call:
            call.answered("200", "7b9f-01")
        with traces.tracer.cloud_call("CreateTool", "POST") as call:
            call.answered("429", "0A1B-2C3D")
    calls = traces.calls(traces.named("reconcile Tool"))
    assert [call.name for call in calls] == ["GET secrets", "CreateTool"]
    assert {call.kind for call in calls} == {SpanKind.CLIENT}
    assert told(calls[0]) == {
        "peer.service": "Kubernetes",
        "agentrun.operation": "GET secrets",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "agentrun.request_id": "7b9f-01",
    }
    assert told(calls[1]) == {
        "peer.service": "AgentRun",
        "agentrun.operation": "CreateTool",
        "http.request.method": "POST",
        "http.response.status_code": 429,
        "error.type": "429",
        "agentrun.request_id": "0A1B-2C3D",
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("200", StatusCode.UNSET),
        ("404", StatusCode.UNSET),
        ("409", StatusCode.ERROR),
        ("503", StatusCode.ERROR),
        ("ConnectTimeout", StatusCode.ERROR),
    ],
)
def test_only_a_failure_is_marked_as_one(
    traces: MemoryTraces, code: str, status: StatusCode
) -> None:
    with traces.tracer.cloud_call("GetTool", "GET") as span:
        span.answered(code, None)
    call = traces.named("GetTool")
    assert call.status.status_code is status
    assert told(call).get("error.type") == (code if status is StatusCode.ERROR else None)


def test_a_request_that_goes_out_again_says_how_often(traces: MemoryTraces) -> None:
    with traces.tracer.pass_over(OBJ, None), traces.tracer.cluster_call("GET x", "GET", resends=2):
        pass
    assert told(traces.named("GET x"))["http.request.resend_count"] == 2


def test_the_cluster_is_traced_for_passes_alone(traces: MemoryTraces) -> None:
    """The lease, the watches and the resync would be most of what is told."""
    assert traces.tracer.cluster_call("PUT leases", "PUT", resends=0) is UNTRACED
    assert traces.tracer.current() is UNTRACED


def test_exceptions_are_told_by_class_alone(traces: MemoryTraces) -> None:
    class SpokenError(Exception):
        pass

    def fail() -> None:
        with traces.tracer.pass_over(OBJ, None), traces.tracer.cloud_call("GetTool", "GET"):
            raise SpokenError(CANARY) from ValueError(CANARY)

    with pytest.raises(SpokenError):
        fail()
    for span in traces.spans():
        assert told(span)["error.type"] == "SpokenError"
        assert span.status.description is None
        assert not span.events


def test_what_a_failed_pass_says_is_not_told(traces: MemoryTraces) -> None:
    with traces.tracer.pass_over(OBJ, None) as span:
        span.ended(Outcome(outcome.available(CANARY), 1.0, "error"))
    assert traces.named("reconcile Tool").status.status_code is StatusCode.ERROR
    assert CANARY not in traces.shown()


@pytest.mark.parametrize("ident", ["Bearer abc", "a" * 65, "x=1", ""])
def test_what_is_no_request_id_is_left_out(traces: MemoryTraces, ident: str) -> None:
    with traces.tracer.cloud_call("GetTool", "GET") as call:
        call.answered("200", ident)
    assert "agentrun.request_id" not in told(traces.named("GetTool"))


def test_who_is_called_learns_the_trace(traces: MemoryTraces) -> None:
    with traces.tracer.cloud_call("GetTool", "GET") as call:
        sent = dict(call.headers)
    trace_id, span_id = ids(traces.named("GetTool"))
    version, *named, flags = sent.pop("traceparent").split("-")
    assert (version, named) == ("00", [f"{trace_id:032x}", f"{span_id:016x}"])
    assert int(flags, 16) & TraceFlags.SAMPLED
    assert not sent


def test_a_duration_names_the_span_it_belongs_to(traces: MemoryTraces) -> None:
    assert traces.tracer.exemplar() is None
    with traces.tracer.cloud_call("GetTool", "GET"):
        named = traces.tracer.exemplar()
    trace_id, span_id = ids(traces.named("GetTool"))
    assert named == {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}


def test_what_is_not_sampled_is_no_exemplar() -> None:
    tracer = OtelTracer(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    with tracer.pass_over(OBJ, None) as span, tracer.cloud_call("GetTool", "GET") as call:
        span.decided(row_of(Snapshot()))
        flags = int(call.headers["traceparent"].rpartition("-")[2], 16)
        assert not flags & TraceFlags.SAMPLED
        assert tracer.exemplar() is None


class Moody(SpanExporter):
    """Fails when it is told to."""

    def __init__(self) -> None:
        self.does: Exception | SpanExportResult = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - a port's
        if isinstance(self.does, Exception):
            raise self.does
        return self.does


def test_a_collector_that_fails_is_told_of_once() -> None:
    """And in our words: the library's may quote an answer."""
    exporter = Moody()
    teller = Told(exporter)
    with structlog.testing.capture_logs() as logs:
        for does in (
            SpanExportResult.SUCCESS,
            SpanExportResult.FAILURE,
            OSError(CANARY),
            SpanExportResult.SUCCESS,
        ):
            exporter.does = does
            teller.export([])
    assert [line["event"] for line in logs] == [
        "traces: the collector takes no spans",
        "traces: the collector takes spans again",
    ]
    assert CANARY not in str(logs)


def test_an_end_waits_for_no_collector_that_hangs() -> None:
    opened = Event()

    class Hanging(InMemorySpanExporter):
        def shutdown(self) -> None:
            opened.wait()

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Hanging()))
    OtelTracer(provider, close_seconds=0.01).close()
    opened.set()


@pytest.fixture
def refusing() -> Iterator[str]:
    """Return the URL of a collector that refuses everything, and says something secret."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400, CANARY)
            self.send_header("Content-Length", str(len(CANARY)))
            self.end_headers()
            self.wfile.write(CANARY.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


SENDING = """
from agentrun_operator.telemetry import otel
from agentrun_operator.telemetry.logs import configure_logging
configure_logging(level="DEBUG")
tracer = otel.exporting()
with tracer.cloud_call("GetTool", "GET"):
    pass
tracer._provider.shutdown()
"""


def test_the_log_shows_no_token_and_no_answer_of_a_collector(refusing: str) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": refusing,
        "OTEL_EXPORTER_OTLP_HEADERS": f"no header, Authorization: Bearer {CANARY}",
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run(  # noqa: S603 - the code is above
        [sys.executable, "-c", SENDING], check=True, capture_output=True, text=True, env=environ
    )
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["msg"] for line in said].count("traces: the collector takes no spans") == 1
    assert WITHHELD in {line["msg"] for line in said}
    assert CANARY not in done.stderr

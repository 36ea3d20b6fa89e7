"""A collector of traces: takes OTLP over HTTP and decodes it with the official protobuf."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = "application/x-protobuf"


class Collector:
    """What was sent, request by request."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.headers: list[dict[str, str]] = []
        self._taken: list[ExportTraceServiceRequest] = []
        self._lock = threading.Lock()

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Decode a request.

        Raises:
            DecodeError: it is no request for traces.
        """
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.headers.append(headers)
            self._taken.append(request)

    def spans(self) -> list[Span]:
        """Return all spans, in the order in which they came."""
        with self._lock:
            taken = list(self._taken)
        return [
            span
            for request in taken
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    def resource(self) -> dict[str, str]:
        """Return what the first request says of the process."""
        attributes = self._taken[0].resource_spans[0].resource.attributes
        return {each.key: each.value.string_value for each in attributes}

    def text(self) -> str:
        """Return everything in protobuf's text format."""
        with self._lock:
            taken = list(self._taken)
        return "\n".join(map(str, taken))


def attributes_of(span: Span) -> dict[str, str | int]:
    """Return the attributes of a span, which are texts and whole numbers."""
    found: dict[str, str | int] = {}
    for each in span.attributes:
        which = each.value.WhichOneof("value")
        assert which in ("string_value", "int_value"), which
        found[each.key] = getattr(each.value, which)
    return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/traces" or self.headers["Content-Type"] != PROTOBUF:
                self.send_error(404)
                return
            collector.take(dict(self.headers), body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()

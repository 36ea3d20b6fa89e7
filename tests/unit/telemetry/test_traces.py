"""When there are traces: nothing is imported for them before somebody wants them."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from agentrun_operator.reconcile.tracing import UNTRACED
from agentrun_operator.telemetry.traces import tracer_from

OTLP = {"OTEL_TRACES_EXPORTER": "otlp"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": ""},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
        {**OTLP, "OTEL_SDK_DISABLED": "true"},
    ],
    ids=str,
)
def test_off_unless_an_exporter_is_named(environ: Mapping[str, str]) -> None:
    assert tracer_from(environ) is UNTRACED


@pytest.mark.parametrize(
    ("environ", "remedy"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "use otlp or none"),
        ({**OTLP, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "use http/protobuf"),
        ({**OTLP, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "use http/protobuf"),
    ],
)
def test_what_there_is_not_is_refused(environ: Mapping[str, str], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        tracer_from(environ)


def test_the_protocol_of_traces_wins() -> None:
    environ = {
        **OTLP,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    }
    tracer = tracer_from(environ)
    tracer.close()
    assert tracer is not UNTRACED


def run(code: str) -> str:
    done = subprocess.run(  # noqa: S603 - the code is above
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_nothing_is_imported_without_traces() -> None:
    code = (
        "import sys; from agentrun_operator import app; app.tracer_from({});"
        "print([m for m in sys.modules if m.partition('.')[0] == 'opentelemetry'])"
    )
    assert run(code) == "[]"


def test_missing_packages_are_named_with_the_remedy() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from agentrun_operator.telemetry.traces import tracer_from\n"
        "try: tracer_from({'OTEL_TRACES_EXPORTER': 'otlp'})\n"
        "except ValueError as error: print(error)"
    )
    said = run(code)
    assert "opentelemetry is not installed; install agentrun-operator[traces]" in said

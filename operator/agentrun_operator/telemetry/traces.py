"""Whether traces are wanted. They need packages of their own, which are imported only then.

Source of the variables: OpenTelemetry, "Environment Variable Specification". One default differs:
without OTEL_TRACES_EXPORTER there are no traces.
"""

from collections.abc import Mapping

from agentrun_operator.reconcile.tracing import UNTRACED, Tracer

EXPORTER = "OTEL_TRACES_EXPORTER"
DISABLED = "OTEL_SDK_DISABLED"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
"""The first that is set wins."""
_ONLY_PROTOCOL = "http/protobuf"


def tracer_from(environ: Mapping[str, str]) -> Tracer:
    """Return the tracer that the variables ask for; the rest of them is read by OpenTelemetry.

    Raises:
        ValueError: a variable asks for what there is not, or the packages are not installed.
    """
    exporter = environ.get(EXPORTER, "").strip()
    is_disabled = environ.get(DISABLED, "").strip().lower() == "true"
    if exporter in ("", "none") or is_disabled:
        return UNTRACED
    if exporter != "otlp":
        raise ValueError(f"{EXPORTER} is {exporter!r}; use otlp or none")
    for name in PROTOCOLS:
        protocol = environ.get(name, "").strip()
        if protocol not in ("", _ONLY_PROTOCOL):
            raise ValueError(
                f"{name} is {protocol!r}; use {_ONLY_PROTOCOL}, and the collector's port for it, "
                "4318 as a rule"
            )
        if protocol:
            break
    try:
        from agentrun_operator.telemetry import otel  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{EXPORTER} is {exporter!r}, and {error.name} is not installed; install "
            "agentrun-operator[traces], or leave the variable out"
        ) from None
    return otel.exporting()

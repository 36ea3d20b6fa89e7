"""Logs: one JSON object per line, the same shape for our records and for those of libraries.

Keys: `level`, `ts` (RFC 3339, UTC), `logger`, `msg`, and what is bound: `controllerKind`,
`namespace`, `name`, …

kopf writes whole bodies at DEBUG and a line per event at INFO, HTTP clients write headers and URLs;
their levels are pinned here, so that no setting of ours can turn those on.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import IO, Any, Literal

import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from agentrun_operator.core import tracebacks
from agentrun_operator.core.identity import GROUP

LogFormat = Literal["json", "console"]

REDACTED = "[redacted]"

PINNED: Mapping[str, int] = {
    "kopf": logging.WARNING,
    "kopf.objects": logging.WARNING,
    "aiohttp": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""Lowest level of a library's logger, whatever our own level is."""
CLOUD_CLIENTS = frozenset(
    {"alibabacloud_credentials", "h11", "httpcore", "httpx", "opentelemetry", "urllib3"}
)
"""Libraries that speak with the cloud, or with a collector. What they log may quote it, or show how
they log in, and nobody there redacts."""
WITHHELD = "a library that speaks with the cloud said something, which is not shown"
_TELLS_ITS_OWN = frozenset({"agentrun_operator", "aiohttp", "kopf"})
"""Libraries whose exceptions may be shown: they have nothing of the cloud. Ours keep it sealed."""

_SECRET_KEY = re.compile(
    r"secret|password|passwd|token|authori[sz]ation|apikey|api_key|access_?key|credentials?$"
    r"|signature|private_?key|certificate_?data",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_OWN = {"name": __name__, "levelno": logging.ERROR, "levelname": "ERROR"}
"""What a record of this module begins with."""
_IN_LINES = frozenset({"exception", "stack"})
"""What the console shows below the line of its record."""
_KOPF_KEYS = ("k8s_skip", "k8s_ref", "settings")


class _PatientHandler(logging.StreamHandler[IO[str]]):
    """Goes on where a line cannot be written, and says so when the disk has room again.

    The library would print the record, as it was before anything was redacted.
    """

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        self._failed = 0
        self._why = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after a word about those that failed."""
        if record.name.partition(".")[0] in CLOUD_CLIENTS:
            if record.levelno < logging.WARNING:
                return
            record = _without_words(record)
        if self._failed:
            before, self._failed = self._failed, 0
            told = {"msg": "log lines failed", "lines": before, "error": self._why}
            super().emit(logging.makeLogRecord({**_OWN, **told}))
            if self._failed:
                self._failed += before
                return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's name
        """Count the record; logging itself failed."""
        self._failed += 1
        self._why = type(sys.exc_info()[1]).__name__


def _without_words(record: logging.LogRecord) -> logging.LogRecord:
    """Return who spoke, and where: of its words, and of what it attached, nothing."""
    told = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
    place = f"{record.filename}:{record.lineno}"
    return logging.makeLogRecord({**told, "msg": WITHHELD, "place": place})


def place_of(exc_info: ExcInfo) -> str:
    """Return a traceback with the words of those exceptions alone that cannot quote the cloud.

    A parser's error shows the document, a client's the request.
    """
    return tracebacks.text_of(exc_info[1], _own_words)


def _own_words(error: BaseException) -> str | None:
    is_clean = type(error).__module__.partition(".")[0] in _TELLS_ITS_OWN
    return str(error) if is_clean or isinstance(error, OSError) else None


def configure_logging(
    *, log_format: LogFormat = "json", level: str = "INFO", stream: IO[str] | None = None
) -> None:
    """Route structlog and the standard library to one handler; a second call replaces the first.

    Args:
        log_format: `json` for machines, `console` for people: in colour on a terminal, unless
            NO_COLOR is set.
        level: Of our own loggers: DEBUG, INFO, WARNING or ERROR.
        stream: Where to write; standard error by default.

    Raises:
        ValueError: there is no such level.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _PatientHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), map_kopf],
            processors=_final(log_format, has_colours=_takes_colours(handler.stream)),
        )
    )
    logging.getLogger().handlers[:] = [handler]
    set_level(level)


def set_level(level: str) -> None:
    """Let our own loggers tell from a level on; those of libraries only ever tell less.

    Raises:
        ValueError: there is no such level.
    """
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name, lowest in PINNED.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))


def is_terminal(stream: IO[str]) -> bool:
    """Whether people read a stream as it is written."""
    return stream.isatty()


def _takes_colours(stream: IO[str]) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def _final(log_format: LogFormat, *, has_colours: bool) -> list[Processor]:
    last: list[Processor] = [
        structlog.processors.EventRenamer("msg"),
        structlog.processors.JSONRenderer(),
    ]
    if log_format == "console":
        # Not the pretty tracebacks: they print local variables.
        plain = structlog.dev.plain_traceback
        last = [
            _printable,
            structlog.dev.ConsoleRenderer(
                timestamp_key="ts", colors=has_colours, exception_formatter=plain
            ),
        ]
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(place_of),
        redact,
        *last,
    ]


def _printable(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - structlog calls it so
    """Keep every text from moving the cursor: the renderer quotes only what holds a blank.

    What is no text is shown by its `repr`. Tracebacks keep their lines.
    """
    event["event"] = str(event.get("event", ""))
    for key, value in event.items():
        if isinstance(value, str):
            kept = "\n" if key in _IN_LINES else ""
            event[key] = "".join(c if c.isprintable() or c in kept else " " for c in value)
    return event


def map_kopf(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - structlog calls it so
    """Turn the object that a kopf record is about into our keys; drop kopf's own baggage."""
    reference = event.get("k8s_ref")
    if isinstance(reference, Mapping):
        for ours, theirs in (
            ("controllerKind", "kind"),
            ("namespace", "namespace"),
            ("name", "name"),
            ("uid", "uid"),
        ):
            if reference.get(theirs):
                event.setdefault(ours, reference[theirs])
        event.setdefault("controllerGroup", GROUP)
        event.setdefault("controller", str(reference.get("kind", "")).lower())
    for key in [k for k in event if k.startswith("k8s_") or k in _KOPF_KEYS]:
        del event[key]
    return event


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 - structlog calls it so
    """Hide what sits under a telling key, or looks like an Authorization header.

    The last line of defence: nothing secret should get here in the first place.
    """
    for key, value in event.items():
        event[key] = REDACTED if _SECRET_KEY.search(key) and value else _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return _BEARER.sub(rf"\1 {REDACTED}", value)
    if isinstance(value, Mapping):
        return {
            k: REDACTED if _SECRET_KEY.search(str(k)) and v else _redacted(v)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(v) for v in value]
    return value

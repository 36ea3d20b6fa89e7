"""Log lines: their keys, where libraries' records go, and what never shows."""

import errno
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from agentrun_operator.telemetry.logs import PINNED, REDACTED, WITHHELD, configure_logging

CANARY = "s3cr3t-c4nary"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return where the lines go; logging is as before afterwards."""
    root = logging.getLogger()
    names = ["", *PINNED, "kopf.activities", "ours"]
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(root.handlers)
    yield io.StringIO()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_the_keys_that_people_grep_for(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with structlog.contextvars.bound_contextvars(
        controllerKind="ModelProxy", namespace="team", name="chat"
    ):
        structlog.get_logger("ours").info("created", requestId="r-1")
    (line,) = lines(stream)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "ours",
        "msg": "created",
        "controllerKind": "ModelProxy",
        "namespace": "team",
        "name": "chat",
        "requestId": "r-1",
    }


def test_a_kopf_record_takes_our_keys_and_drops_its_own(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    reference = {"kind": "ModelProxy", "namespace": "team", "name": "chat", "uid": "u-1"}
    extra = {"k8s_ref": reference, "k8s_skip": True, "settings": object()}
    # Not `kopf.objects` itself: kopf listens there, and expects real settings.
    logging.getLogger("kopf.activities").error("Handler %r failed", "x", extra=extra)
    (line,) = lines(stream)
    assert line["msg"] == "Handler 'x' failed"
    assert (line["controllerKind"], line["namespace"], line["name"], line["uid"]) == (
        "ModelProxy",
        "team",
        "chat",
        "u-1",
    )
    assert not {"k8s_ref", "k8s_skip", "settings"} & line.keys()


@pytest.mark.parametrize("name", [*PINNED, "kopf.activities.startup", "httpx._client"])
def test_debug_never_switches_on_libraries_that_dump_bodies(stream: io.StringIO, name: str) -> None:
    configure_logging(level="debug", stream=stream)
    logging.getLogger(name).debug("body: %s", CANARY)
    logging.getLogger(name).info("body: %s", CANARY)
    structlog.get_logger("ours").debug("ours")
    assert [line["msg"] for line in lines(stream)] == ["ours"]


def test_our_own_level_is_obeyed(stream: io.StringIO) -> None:
    configure_logging(level="WARNING", stream=stream)
    structlog.get_logger("ours").info("quiet")
    structlog.get_logger("ours").warning("loud")
    assert [line["msg"] for line in lines(stream)] == ["loud"]


def test_an_unknown_level_is_refused(stream: io.StringIO) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging(level="LOUD", stream=stream)


@pytest.mark.parametrize(
    "fields",
    [
        {"accessKeySecret": CANARY},
        {"api_key": CANARY},
        {"headers": {"Authorization": CANARY}},
        {"items": [{"password": CANARY}]},
        {"header": f"Bearer {CANARY}"},
        {"securityToken": {"nested": CANARY}},
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_sits_under_a_telling_key_is_hidden(
    stream: io.StringIO, log_format: Any, fields: dict[str, Any]
) -> None:
    configure_logging(stream=stream, log_format=log_format)
    structlog.get_logger("ours").info("call", **fields)
    assert CANARY not in stream.getvalue()
    assert REDACTED in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(stream: io.StringIO, log_format: Any) -> None:
    configure_logging(stream=stream, log_format=log_format)

    def call(key: str) -> None:
        raise LookupError(f"Authorization: Bearer {key}")

    try:
        call(CANARY)
    except LookupError:
        structlog.get_logger("ours").exception("broken")
    text = stream.getvalue()
    assert "LookupError" in text
    assert "Traceback" in text
    assert CANARY not in text


def test_a_second_call_replaces_the_first(stream: io.StringIO) -> None:
    configure_logging(stream=io.StringIO())
    configure_logging(stream=stream)
    logging.getLogger("ours").warning("once")
    assert len(lines(stream)) == 1


def test_the_console_format_is_for_people(stream: io.StringIO) -> None:
    configure_logging(stream=stream, log_format="console")
    structlog.get_logger("ours").info("created", name="chat")
    assert "created" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


class Terminal(io.StringIO):
    """A stream that people read."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_colour", "escapes"), [("", True), ("1", False)])
@pytest.mark.usefixtures("stream")
def test_a_terminal_has_colours_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, no_colour: str, escapes: object
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    terminal = Terminal()
    configure_logging(stream=terminal, log_format="console")
    structlog.get_logger("ours").info("created", name="chat")
    assert ("\x1b[" in terminal.getvalue()) is escapes


def test_a_file_has_no_colours(stream: io.StringIO) -> None:
    configure_logging(stream=stream, log_format="console")
    structlog.get_logger("ours").info("created", name="chat")
    assert "\x1b[" not in stream.getvalue()


def test_no_line_moves_the_cursor_of_a_terminal(stream: io.StringIO) -> None:
    configure_logging(stream=stream, log_format="console")
    logging.getLogger("kopf").warning("refused: %s", "\x1b[2J\r\nall is well")
    structlog.get_logger("ours").info("created", error="\x1b[2J\nall is well")
    structlog.get_logger("ours").info("created", message="a\x1b[2Jb", code="\x9b2J")
    assert stream.getvalue().count("\n") == 3
    assert not {"\x1b", "\x9b"} & {*stream.getvalue()}


def test_a_traceback_keeps_its_lines_and_moves_no_cursor(stream: io.StringIO) -> None:
    configure_logging(stream=stream, log_format="console")

    def call() -> None:
        raise OSError("\x1b[2J")

    try:
        call()
    except OSError:
        structlog.get_logger("ours").exception("broken")
    assert stream.getvalue().count("\n") > 2
    assert "\x1b" not in stream.getvalue()


class Disk(io.StringIO):
    """A stream that can be full."""

    is_full = False

    def write(self, text: str, /) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_full_disk_costs_lines_and_shows_no_record(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """The library would print what it could not write, unredacted."""
    disk = Disk()
    configure_logging(stream=disk)
    logger = structlog.get_logger("ours")
    disk.is_full = True
    for _ in range(3):
        logger.info("created", password=CANARY)
    disk.is_full = False
    logger.info("updated")
    assert capsys.readouterr().err == ""
    told, line = lines(disk)
    assert (told["msg"], told["lines"], told["error"]) == ("log lines failed", 3, "OSError")
    assert told["level"] == "error"
    assert line["msg"] == "updated"
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "alibabacloud_credentials.client"])
def test_clients_of_the_cloud_are_heard_without_words(stream: io.StringIO, name: str) -> None:
    configure_logging(stream=stream, level="DEBUG")
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.info("asked %s", CANARY)
    try:
        json.loads(CANARY)
    except ValueError:
        logger.exception("answered %s", CANARY, extra={"answer": CANARY})
    assert CANARY not in stream.getvalue()
    (line,) = lines(stream)
    assert (line["logger"], line["level"], line["msg"]) == (name, "error", WITHHELD)
    assert line["place"].startswith("test_logs.py:")


def test_an_exception_of_a_library_shows_its_place_alone(stream: io.StringIO) -> None:
    """A parser's error shows the document, and whoever logs it knows no values."""
    configure_logging(stream=stream)
    try:
        try:
            json.loads(f"{CANARY}")
        except ValueError as cause:
            raise KeyError(CANARY) from cause
    except KeyError:
        logging.getLogger("kopf").exception("failed")
    (line,) = lines(stream)
    assert "in test_an_exception_of_a_library_shows_its_place_alone" in line["exception"]
    assert "JSONDecodeError" in line["exception"]
    assert line["exception"].endswith("KeyError")
    assert line["exception"].count(CANARY) == 0


def test_an_exception_of_the_cluster_s_side_says_what_it_says(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    try:
        raise ConnectionRefusedError(111, "no connection to the API server")
    except OSError:
        logging.getLogger("kopf").exception("failed")
    assert "no connection to the API server" in lines(stream)[0]["exception"]

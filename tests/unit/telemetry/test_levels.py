"""The level of the log while the process runs."""

import asyncio
import io
import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from agentrun_operator.telemetry.levels import LevelSwitch
from agentrun_operator.telemetry.logs import PINNED, configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return where the lines go; logging is as before afterwards."""
    names = ["", *PINNED]
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.getLogger().handlers)
    said = io.StringIO()
    configure_logging(stream=said)
    yield said
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def told(stream: io.StringIO) -> list[tuple[str, str]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [(line["msg"], line["now"]) for line in found]


def is_heard(level: str) -> bool:
    return logging.getLogger("agentrun_operator.x").isEnabledFor(getattr(logging, level.upper()))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "level"


def test_the_file_says_which_level_holds(stream: io.StringIO, file: Path) -> None:
    switch = LevelSwitch("info", file)
    file.write_text("debug\n")
    switch.look()
    assert is_heard("debug")
    file.write_text("error")
    switch.look()
    assert not is_heard("warning")
    assert told(stream) == [("log level changed", "debug"), ("log level changed", "error")]


def test_a_file_that_is_not_there_changes_nothing(stream: io.StringIO, file: Path) -> None:
    LevelSwitch("info", file).look()
    LevelSwitch("info").look()
    assert (switch_level(), told(stream)) == ("INFO", [])


def switch_level() -> str:
    return logging.getLevelName(logging.getLogger().level)


def test_a_word_that_is_no_level_is_told_once(stream: io.StringIO, file: Path) -> None:
    switch = LevelSwitch("info", file)
    file.write_text("loud")
    for _ in range(3):
        switch.look()
    assert switch_level() == "INFO"
    assert told(stream) == [("log level not understood", "info")]


def test_libraries_stay_silent_at_any_level(stream: io.StringIO) -> None:
    LevelSwitch("info").toggle()
    logging.getLogger("kopf.objects").info("a whole body")
    assert told(stream) == [("log level changed", "debug")]


async def test_the_signal_turns_debug_on_and_back(stream: io.StringIO) -> None:
    switch = LevelSwitch("warning")
    following = asyncio.create_task(switch.follow())
    try:
        for expected in ("debug", "warning"):
            await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGUSR1)
            async with asyncio.timeout(60):
                while switch.level != expected:  # noqa: ASYNC110 - the loop itself is what we wait for
                    await asyncio.sleep(0)
    finally:
        following.cancel()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
    assert not is_heard("info")
    assert [now for _, now in told(stream)] == ["debug", "warning"]

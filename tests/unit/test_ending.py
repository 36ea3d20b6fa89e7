"""The end of a process has a bound, whatever hangs; each case is a process of its own."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentrun_operator import ending

HANG_SECONDS = 60.0
"""What should end and takes longer hangs; what hangs on purpose here, hangs for ten times that."""


@contextmanager
def program(text: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a program that prints a line once it is in the phase under test."""
    head = """
        import asyncio, sys, threading, time
        from agentrun_operator import ending
        from agentrun_operator.ending import Ending
        ending.END_SECONDS = 0.5
        ending.LEFTOVER_SECONDS = 0.2
        async def rest():
            while True:
                try:
                    await asyncio.sleep(600)
                except asyncio.CancelledError:
                    pass
    """
    source = textwrap.dedent(head) + textwrap.dedent(text)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", source], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.communicate()


def ends(process: "subprocess.Popen[str]") -> int:
    """Wait for the end and return the exit code."""
    return process.wait(HANG_SECONDS)


@pytest.mark.parametrize("number", ending.SIGNALS)
def test_a_signal_sets_stop(number: signal.Signals) -> None:
    body = """
        end = Ending(600)
        async def work():
            print("here", flush=True)
            await end.stop.wait()
        end.run(work())
    """
    with program(body) as process:
        process.send_signal(number)
        assert ends(process) == 0


def test_a_second_signal_ends_at_once() -> None:
    body = """
        end = Ending(600)
        async def work():
            print("here", flush=True)
            await end.stop.wait()
            print("again", flush=True)
            await rest()
        end.run(work())
    """
    with program(body) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "again\n"
        process.send_signal(signal.SIGTERM)
        assert ends(process) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    "hang",
    [
        pytest.param("time.sleep(600)", id="the loop is stuck"),
        pytest.param("await rest()", id="a task swallows its cancellation"),
    ],
)
def test_a_work_that_hangs_is_ended_by_the_deadline(hang: str) -> None:
    body = f"""
        end = Ending(0)
        async def work():
            print("here", flush=True)
            {hang}
        end.run(work())
    """
    with program(body) as process:
        process.send_signal(signal.SIGTERM)
        assert ends(process) == 1


def test_a_task_left_behind_does_not_hold_up_a_failure() -> None:
    body = """
        async def work():
            global left
            left = asyncio.create_task(rest())
            await asyncio.sleep(0)
            print("here", flush=True)
            raise SystemExit(3)
        try:
            Ending(600).run(work())
        except SystemExit as stop:
            ending.leave(stop.code)
    """
    with program(body) as process:
        assert ends(process) == 3


def test_a_generator_that_does_not_close_is_no_error() -> None:
    body = """
        async def watch():
            try:
                yield "event"
            finally:
                raise RuntimeError("still running")
        async def work():
            global left
            left = watch()
            await anext(left)
            print("here", flush=True)
        Ending(0.1).run(work())
    """
    with program(body) as process:
        assert ends(process) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_thread_left_behind_does_not_hold_up_the_end() -> None:
    body = """
        async def work():
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
            print("here", flush=True)
        Ending(600).run(work())
        ending.leave(0)
    """
    with program(body) as process:
        assert ends(process) == 0


async def test_an_engine_that_does_not_end_is_left_after_its_drain() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                swallowed += 1

    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(HANG_SECONDS):
        await ending.run_all(
            stop, engine=stubborn(), watches=[stubborn()], lease=[], drain_seconds=0.1
        )
    assert swallowed >= 3


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    stop = asyncio.Event()

    async def fail() -> None:
        raise LookupError("first")

    async def follow() -> None:
        await stop.wait()
        raise ValueError("second")

    async def hold() -> None:
        await asyncio.sleep(60)

    with pytest.raises(LookupError, match="first"):
        await ending.run_all(
            stop, engine=hold(), watches=[fail(), follow()], lease=[hold()], drain_seconds=0.1
        )

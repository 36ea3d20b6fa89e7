"""What the demo shows, on a terminal and elsewhere."""

import io
import os
import subprocess
import sys
from typing import Any

from rich.console import Console

from demo.screen import Screen

ORDER = (("Account", "default"), ("Sandbox", "code"))


def screen(*, terminal: bool) -> tuple[Screen, io.StringIO]:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100, highlight=False)
    return Screen(console), output


def sandbox(ready: str, reason: str) -> dict[str, Any]:
    return {
        "kind": "Sandbox",
        "metadata": {"name": "code", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "externalId": "sb-1",
            "conditions": [{"type": "Ready", "status": ready, "reason": reason}],
        },
    }


def test_without_a_terminal_every_change_is_one_line() -> None:
    shown, output = screen(terminal=False)
    with shown.table(ORDER) as table:
        for state in (("False", "Creating"), ("False", "Creating"), ("True", "Available")):
            table.show([sandbox(*state)])
    assert output.getvalue().split("\n") == [
        "     · Sandbox/code: Ready=False (Creating)",
        "     · Sandbox/code: Ready=True (Available)",
        "",
    ]


def test_a_terminal_shows_a_table_of_what_is_and_what_is_to_come() -> None:
    shown, output = screen(terminal=True)
    with shown.table(ORDER) as table:
        table.show([sandbox("True", "Available")])
    text = output.getvalue()
    assert "EXTERNAL-ID" in text
    assert "sb-1" in text
    assert "default" in text


def test_what_others_said_is_shown_as_it_is() -> None:
    shown, output = screen(terminal=False)
    shown.quote("spec.memory: must match '^[0-9]+(Mi|Gi)$' [bold]")
    shown.failed("Apply the samples", "[red]the log[/red] " + "x" * 200)
    text = output.getvalue()
    assert "'^[0-9]+(Mi|Gi)$' [bold]" in text
    assert "FAILED: Apply the samples" in text
    assert "[red]the log[/red] " + "x" * 200 in text


VISITOR = """
import contextlib, os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    # A shell starts what runs in its background deaf to Ctrl-C, and all that follows inherits it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-c", os.environ["MAKE"]])
said = b""
with contextlib.suppress(OSError):  # how Linux tells the end of a terminal
    while chunk := os.read(terminal, 1000):
        said += chunk
        if said.endswith(b"playing\\r\\n"):
            os.write(terminal, b"\\x03")
print(said.decode().replace("^C", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
MAKE = """
import os, subprocess, sys
child = subprocess.run([sys.executable, "-c", os.environ["DEMO"]])
print("exit", child.returncode, flush=True)
"""
DEMO = """
import time
from demo.terminal import own_keyboard
with own_keyboard():
    try:
        print("playing", flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("ending", flush=True)
"""


def test_ctrl_c_ends_the_demo_and_not_who_started_it() -> None:
    """As under make, which would call it an error. Forked apart: here may be threads."""
    path = os.pathsep.join(sys.path)
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", VISITOR],
        check=True,
        capture_output=True,
        text=True,
        env={"MAKE": MAKE, "DEMO": DEMO, "PYTHONPATH": path},
        timeout=60,
    )
    assert done.stdout.split() == ["playing", "ending", "exit", "0"]

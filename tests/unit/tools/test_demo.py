"""What the demo shows, on a terminal and elsewhere."""

import io
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

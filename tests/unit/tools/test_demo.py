"""What the demo shows, on a terminal and elsewhere."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from rich.text import Text

from demo.fleet import Fleet, count
from demo.picture import Picture
from demo.screen import Screen
from demo.story import Story
from rig import Rig, RigError
from rig.cloud import CloudAccount

REPOSITORY = Path(__file__).parents[3]
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


def test_no_line_of_the_story_is_wrapped_by_a_terminal() -> None:
    shown, output = screen(terminal=False)
    shown.say("word " * 50)
    shown.quote("  spec: " + "x" * 80 + " " + "y" * 80)
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line.startswith("       ") for line in lines[1:3])
    assert " ".join(output.getvalue().split()).count("word") == 50


def test_a_narrow_terminal_wraps_nothing_either() -> None:
    output = io.StringIO()
    shown = Screen(Console(file=output, force_terminal=True, width=60, highlight=False))
    shown.say("word " * 50)
    shown.end("word " * 50)
    shown.tree(Fleet([obj("ModelProxy", "long-" * 20)]).trees())
    assert max(map(len, map(plain, output.getvalue().splitlines()))) <= 60


def plain(line: str) -> str:
    return Text.from_ansi(line).plain


def obj(kind: str, name: str, ready: str = "True", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "reason": "Why"}]
    status = {"conditions": conditions, "account": {"kind": "Account", "name": "default"}}
    if kind == "Account":
        del status["account"]
    return {"kind": kind, "metadata": {"name": name}, "spec": spec, "status": status}


FLEET = (
    obj("Account", "default", credentials={"secretRef": {"name": "keys"}}),
    obj("Credential", "inbound"),
    obj("ModelService", "qwen", credentialRef={"name": "inbound"}),
    obj(
        "ModelProxy", "chat", "False",
        credentialRef={"name": "inbound"},
        endpoints=[{"modelServiceRef": {"name": "qwen"}}],
    ),
    obj("Tool", "weather"),
)  # fmt: skip


def test_the_fleet_shows_each_object_below_what_it_needs() -> None:
    shown, output = screen(terminal=False)
    trees = Fleet(FLEET).trees()
    shown.tree(trees)
    assert [line[7:] for line in output.getvalue().splitlines()] == [
        "Account/default  True (Why)  reads Secret/keys",
        "├── Credential/inbound  True (Why)",
        "│   ├── ModelProxy/chat  False (Why)  credentialRef",
        "│   └── ModelService/qwen  True (Why)  credentialRef",
        "│       └── ModelProxy/chat  False (Why)  endpoints[0].modelServiceRef",
        "└── Tool/weather  True (Why)",
    ]
    assert count(trees) == len(FLEET)


def test_a_reference_that_leads_nowhere_is_named() -> None:
    fleet = Fleet(each for each in FLEET if each["kind"] != "Credential")
    assert fleet.missing() == [
        "ModelService/qwen: credentialRef: no Credential/inbound",
        "ModelProxy/chat: credentialRef: no Credential/inbound",
    ]
    assert {node.name for node in fleet.trees()} == {"default", "qwen"}


def test_a_picture_shows_the_last_table_and_no_place(tmp_path: Path) -> None:
    picture, file = Picture(), tmp_path / "demo.svg"
    shown = Screen(Console(file=io.StringIO(), highlight=False), picture)
    with shown.table(ORDER) as table:
        table.show([sandbox("False", "Creating")])
        table.show([sandbox("True", "Available")])
    shown.verified("all is well")
    shown.say_here(f"its log: {tmp_path}")
    picture.save(file)
    text = file.read_text().replace("&#160;", " ")
    assert "Available" in text
    assert "all is well" in text
    assert "Creating" not in text
    assert str(tmp_path) not in text


def test_the_picture_of_the_readme_names_no_machine() -> None:
    text = (REPOSITORY / "docs/demo.svg").read_text().replace("&#160;", " ")
    assert "every step was verified" in text
    without_namespace = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    for word in ("http:", "/tmp/", "/home/", "/root/", "localhost", "127.0.0.1"):  # noqa: S108
        assert word not in without_namespace
    assert "docs/demo.svg" in (REPOSITORY / "README.md").read_text()


class Visited:
    """A rig after a visit: one object of the story, one of the visitor, and a cloud of its own."""

    account = CloudAccount("1234567890")
    url = "http://127.0.0.1:1"

    def __init__(self, *, stays: bool) -> None:
        self.cloud = self
        self.places = [("agentrun-demo", "chat"), ("team-a", "mine")]
        self.stays = stays

    def clear_faults(self) -> None:
        return

    def resources(self, *, account: str) -> dict[str, list[dict[str, Any]]]:
        assert account == "1234567890"
        kept = {"ModelProxy": [{"modelProxyName": "kept"}]} if self.stays else {}
        return {"Workspace": [{"name": "default", "isDefault": True}], **kept}

    def used_namespaces(self) -> set[str]:
        return {namespace for namespace, _ in self.places}

    def objects(self, namespace: str) -> list[dict[str, Any]]:
        return [
            {"kind": "ModelProxy", "metadata": {"namespace": namespace, "name": name}}
            for at, name in self.places
            if at == namespace
        ]

    def apply(self, manifests: object) -> None:
        assert manifests

    def delete_all(self, *namespaces: str, seconds: float) -> None:
        assert namespaces == ("agentrun-demo", "team-a")
        assert seconds
        if not self.stays:
            self.places = []
            return
        self.places = self.places[1:]
        raise RigError("waited in vain")

    def kubectl(self, *arguments: str) -> str:
        return "clusteraccount/shared\n" if arguments[0] == "get" and self.stays else ""


@pytest.mark.parametrize("stays", [False, True], ids=["all goes", "something stays"])
def test_whatever_a_visitor_made_is_told_and_no_failure(*, stays: bool) -> None:
    shown, output = screen(terminal=False)
    Story(cast("Rig", Visited(stays=stays)), shown).delete_after_a_visit()
    text = output.getvalue()
    assert "discarded, made meanwhile: ModelProxy team-a/mine\n" in text
    stuck = "discarded with the cluster: ModelProxy team-a/mine, clusteraccount/shared\n"
    assert (stuck in text) is stays
    assert ("discarded with the simulated cloud: ModelProxy: 1\n" in text) is stays
    assert "✓" in text


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

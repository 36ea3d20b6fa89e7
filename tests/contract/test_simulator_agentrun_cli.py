"""agentrun-cli as installed: apply, render, delete, and the exit codes it promises."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentrun_simulator.faults import Fault
from agentrun_simulator.simulator import Simulator
from fakes.official import environment, run

AR = str(Path(sys.executable).with_name("ar"))
DOCUMENT = """
apiVersion: agentrun/v1
kind: AgentRuntime
metadata:
  name: chat
  description: {description}
spec:
  container:
    image: registry.example/app:v1
  env:
    GREETING: 你好
  endpoints:
    - name: default
    - name: canary
      targetVersion: LATEST
"""
Ar = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ar(simulator: Simulator, endpoint: str, tmp_path: Path) -> Ar:
    """Run `ar` in a folder with `chat.yaml`; keywords change its environment."""
    (tmp_path / "chat.yaml").write_text(DOCUMENT.format(description="one"))

    def call(*arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        variables = environment(simulator, endpoint, tmp_path, **changes)
        return run([AR, *arguments], variables, tmp_path)

    return call


def test_a_runtime_is_applied_changed_and_deleted(
    ar: Ar, simulator: Simulator, tmp_path: Path
) -> None:
    rendered = ar("runtime", "render", "-f", "chat.yaml")
    assert rendered.returncode == 0, rendered.stderr
    assert "registry.example/app:v1" in rendered.stdout
    assert simulator.requests() == []

    applied = ar("runtime", "apply", "-f", "chat.yaml")
    assert applied.returncode == 0, applied.stderr
    resources = simulator.resources()
    (runtime,) = resources["AgentRuntime"]
    assert (runtime["description"], runtime["systemTags"]) == ("one", ["x-agentrun-cli"])
    assert runtime["environmentVariables"] == {"GREETING": "你好"}
    names = {each["agentRuntimeEndpointName"] for each in resources["AgentRuntimeEndpoint"]}
    assert names == {"default", "canary"}

    text = DOCUMENT.format(description="two").split("    - name: canary")[0]
    (tmp_path / "chat.yaml").write_text(text)
    again = ar("runtime", "apply", "-f", "chat.yaml")
    assert again.returncode == 0, again.stderr
    resources = simulator.resources()
    assert resources["AgentRuntime"][0]["description"] == "two"
    assert resources["AgentRuntime"][0]["agentRuntimeId"] == runtime["agentRuntimeId"]
    assert len(resources["AgentRuntimeEndpoint"]) == 1, "the other endpoint is pruned"

    shown = ar("runtime", "get", "chat")
    assert json.loads(shown.stdout)["name"] == "chat"
    deleted = ar("runtime", "delete", "chat", "--yes")
    assert deleted.returncode == 0, deleted.stderr
    assert set(simulator.resources()) == {"Workspace"}


def test_what_is_not_there_ends_with_1(ar: Ar) -> None:
    assert ar("runtime", "delete", "nobody", "--yes").returncode == 1


def test_a_document_without_sense_ends_with_2(ar: Ar, tmp_path: Path) -> None:
    (tmp_path / "chat.yaml").write_text("apiVersion: agentrun/v1\nkind: Other\n")
    assert ar("runtime", "apply", "-f", "chat.yaml").returncode == 2


def test_a_refusal_ends_with_3_if_its_message_has_the_word(ar: Ar, simulator: Simulator) -> None:
    message = "Forbidden: you are not authorized to list agent runtimes"
    fault = Fault(effect="error", status=403, code="Forbidden.RAM", message=message)
    simulator.inject(fault)
    assert ar("runtime", "list").returncode == 3


def test_a_broken_server_ends_with_4(ar: Ar, simulator: Simulator) -> None:
    simulator.inject(Fault(effect="error", status=503, times=None))
    assert ar("runtime", "list").returncode == 4


def test_a_runtime_that_fails_ends_with_5(ar: Ar, simulator: Simulator) -> None:
    simulator.inject(Fault(effect="create-failed", reason="image not found in registry"))
    failed = ar("runtime", "apply", "-f", "chat.yaml")
    assert failed.returncode == 5
    assert "CREATE_FAILED: image not found in registry" in failed.stderr


def test_a_runtime_that_never_gets_ready_ends_with_6(ar: Ar, simulator: Simulator) -> None:
    simulator.configure({"transitionSeconds": 600})
    assert ar("runtime", "apply", "-f", "chat.yaml", "--timeout", "1s").returncode == 6

"""What is immutable once a resource exists may change until the create is announced, not after.

The API server keeps it from then on. The edit that comes a moment before the mark starts the pass
anew, or a resource would be made of a spec that is not there any more.
"""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from engine.specs import PROXY, RUNTIME, SAMPLES, TEMPLATE, base, made
from fakes.lab import Lab


async def edited_before_the_mark(lab: Lab, kind: str, spec: Json, **changes: object) -> ObjectKey:
    """Apply an object, and edit it right before the status write that announces its creation."""
    key = ObjectKey(kind, "team-a", "it")
    writes: list[str] = []

    def edit(name: str) -> None:
        if name != "write_status":
            return
        writes.append(name)
        if len(writes) == 1:
            lab.edit(key, **changes)

    lab.calls.before = edit
    lab.cluster.apply(kind, "it", spec)
    await lab.elapse(30)
    assert writes
    return key


async def test_an_endpoint_is_made_below_the_runtime_of_the_edit() -> None:
    lab = Lab()
    await lab.ready_account()
    await base(lab, "AgentRuntime", RUNTIME)
    lab.cluster.apply("AgentRuntime", "other", {**RUNTIME, "description": "other"})
    await lab.elapse(15)
    other = lab.get(ObjectKey("AgentRuntime", "team-a", "other")).external_id
    key = await edited_before_the_mark(
        lab, "AgentRuntimeEndpoint", {"runtimeRef": {"name": "base"}}, runtimeRef={"name": "other"}
    )
    assert lab.ready(key) == ("True", "Available")
    assert [e["agentRuntimeId"] for e in made(lab, SAMPLES["AgentRuntimeEndpoint"])] == [other]


@pytest.mark.parametrize(
    ("kind", "spec", "changes", "field", "value"),
    [
        ("ModelProxy", PROXY, {"cpu": "4"}, "cpu", 4.0),
        ("SandboxTemplate", TEMPLATE, {"type": "Browser"}, "templateType", "Browser"),
    ],
)
async def test_it_is_made_of_the_edited_spec(
    kind: str, spec: Json, changes: Json, field: str, value: object
) -> None:
    lab = Lab()
    await lab.ready_account()
    key = await edited_before_the_mark(lab, kind, spec, **changes)
    assert lab.ready(key) == ("True", "Available")
    assert [r[field] for r in made(lab, SAMPLES[kind])] == [value]
    assert len([name for name in lab.calls.names if name.startswith("Create")]) == 1

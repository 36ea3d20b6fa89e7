"""A LIST says nothing of the fields that it leaves out: the resource itself judges an edit."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import PROXY, SAMPLES, TEMPLATE, lab_for, made
from engine.strangers import PROXY_BODY, by_hand
from fakes.lab import Lab

PLAIN = {name: value for name, value in TEMPLATE.items() if name != "description"}
ENOUGH = 5
"""So many of a collection are read by one LIST."""


async def plain_templates() -> tuple[Lab, ObjectKey]:
    """Return a lab whose templates have no description, in the cloud neither, and one of them."""
    lab = await lab_for(SAMPLES["SandboxTemplate"])
    keys = [lab.cluster.apply("SandboxTemplate", f"t-{n}", PLAIN) for n in range(ENOUGH)]
    await lab.elapse(60)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    return lab, keys[0]


def described(lab: Lab) -> list[str]:
    """Return the descriptions of the templates, those without one apart."""
    found: list[dict[str, Any]] = made(lab, SAMPLES["SandboxTemplate"])
    return [each["description"] for each in found if each.get("description")]


@pytest.mark.parametrize("effect", ["html", "drop-before"])
@pytest.mark.parametrize("action", ["GetTemplate", "UpdateTemplate"])
async def test_a_field_set_first_arrives_through_a_fault(action: str, effect: str) -> None:
    lab, key = await plain_templates()
    fault = {"action": action, "effect": effect, "status": 503, "times": 4}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.edit(key, description="set")
    await lab.elapse(300)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert described(lab) == ["set"]


async def test_a_field_set_while_we_were_down_arrives() -> None:
    lab, key = await plain_templates()
    lab.edit(key, description="set")
    lab.restart()
    await lab.elapse(120)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert described(lab) == ["set"]


async def test_a_quiet_collection_is_read_by_lists_alone() -> None:
    lab, _ = await plain_templates()
    lab.restart()
    lab.simulator.clear_requests()
    await lab.elapse(120)
    assert {each["action"] for each in lab.simulator.requests()} <= {
        "GetCallerIdentity",
        "ListTemplates",
    }


@pytest.mark.parametrize("seconds", [0, 70])
async def test_what_comes_back_is_read_itself(seconds: int) -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    names = ["it", *(f"p-{n}" for n in range(ENOUGH))]
    key, *_ = [lab.cluster.apply("ModelProxy", name, PROXY) for name in names]
    await lab.elapse(60)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(60)
    lab.simulator.remove("ModelProxy", "it")
    await lab.elapse(seconds)
    assert lab.ready(key)[1] == ("ExternalResourceMissing" if seconds else "Available")
    body = {name: value for name, value in PROXY_BODY.items() if name != "description"}
    await by_hand(lab, "ModelProxy", body)
    await lab.elapse(120)
    assert lab.ready(key) == ("True", "Available")
    differing = [each["path"] for each in lab.get(key).status.get("drift") or ()]
    assert differing == ["description"], "which a LIST leaves out"


async def test_who_observes_never_speaks_of_creating() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(60)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(60)
    lab.simulator.remove("ModelProxy", "it")
    seen = set()
    for _ in range(100):
        await lab.elapse(1)
        seen.add(lab.ready(key)[1])
    assert seen == {"Available", "ExternalResourceMissing"}

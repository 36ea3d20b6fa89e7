"""References for which the API takes a name, although an id keys the target in its own path."""

from typing import Annotated, Any

import pytest

from agentrun_operator.core.fields import ApiName, ObservedModel, Ref, Reference, SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.reaches import reaches
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode


class Way(SpecModel):
    runtime_ref: Annotated[
        Reference | None, Ref("AgentRuntime", by_name=True), ApiName("resourceName")
    ] = None
    owner_ref: Annotated[Reference | None, Ref("AgentRuntime"), ApiName("ownerId")] = None


class WaysSpec(ResourceSpec):
    ways: tuple[Way, ...] = ()


KIND = ResourceKind("Ways", "ways", (), "By name.", spec=WaysSpec, observed=ObservedModel)
RESOLUTION = Resolution(
    references={("AgentRuntime", "chat"): "id-1"},
    external_names={("AgentRuntime", "chat"): "chat-external"},
)


@pytest.mark.parametrize(
    ("way", "body"),
    [
        ({"runtimeRef": {"name": "chat"}}, {"resourceName": "chat-external"}),
        ({"runtimeRef": {"externalName": "theirs"}}, {"resourceName": "theirs"}),
        ({"ownerRef": {"name": "chat"}}, {"ownerId": "id-1"}),
    ],
    ids=["our object", "in AgentRun only", "by its key"],
)
def test_the_wire_has_what_the_field_asks_for(way: dict[str, Any], body: dict[str, Any]) -> None:
    spec = WaysSpec.model_validate({"ways": [way]})
    assert encode(KIND, spec, RESOLUTION) == {"ways": [body]}


def test_a_reach_tells_names_and_keys_apart() -> None:
    way = {"runtimeRef": {"externalName": "theirs"}, "ownerRef": {"externalName": "id-2"}}
    found = {reach.external_name: reach.by_name for reach in reaches(KIND, {"ways": [way]})}
    assert found == {"theirs": True, "id-2": False}

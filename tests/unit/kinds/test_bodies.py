"""Spec → request body; what we send is what the examples of each kind say."""

import pytest

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import update_extras
from agentrun_operator.kinds import catalogue
from fakes.examples import CLOUD_KINDS, FOLDER, FULL, RESOLUTION, Example, body_of, examples

SENT = [
    pytest.param(kind, example, id=f"{kind}-{name}")
    for kind in CLOUD_KINDS
    for name, example in examples()[kind].all()
]


@pytest.mark.parametrize(("kind", "example"), SENT)
def test_a_spec_makes_this_body(kind: str, example: Example) -> None:
    assert body_of(kind, example.spec) == example.body


@pytest.mark.parametrize("kind", CLOUD_KINDS)
def test_a_kind_with_a_cloud_resource_has_a_full_example(kind: str) -> None:
    assert examples()[kind].full


def test_no_file_of_examples_outlives_its_kind() -> None:
    assert len(list(FOLDER.iterdir())) == len(catalogue())


def test_an_account_may_take_weights_as_percent() -> None:
    sent = body_of(
        "AgentRuntimeEndpoint",
        FULL["AgentRuntimeEndpoint"],
        Resolution(compatibility={"endpointWeights": "Percent"}),
    )
    assert [w["weight"] for w in sent["routingConfiguration"]["versionWeights"]] == [33, 67]


def test_evicting_instances_goes_along_with_updates_only() -> None:
    kind = catalogue()["AgentRuntime"]
    spec = kind.spec.model_validate(FULL["AgentRuntime"])
    assert update_extras(kind, spec, RESOLUTION) == {"forceEvictInstances": True}


@pytest.mark.parametrize("kind", catalogue())
def test_every_named_object_is_a_dependency(kind: str) -> None:
    found = dependencies(catalogue()[kind], examples()[kind].fullest)
    assert {d.path: f"{d.kind}/{d.name}" for d in found} == dict(examples()[kind].refers_to)

"""What a spec names beyond its own object, and whether a resource has it already."""

from collections import defaultdict
from typing import Any

import pytest

from agentrun_operator.core.errors import NotGranted
from agentrun_operator.core.fields import Ref, Reserved
from agentrun_operator.core.reaches import Lack, Reach, not_in_place, overlaps, reaches
from agentrun_operator.core.shapes import marker
from agentrun_operator.core.spec_fields import spec_fields
from agentrun_operator.kinds import catalogue

PROXY = catalogue()["ModelProxy"]
SPEC = {
    "executionRoleArn": "acs:ram::1:role/a",
    "workspace": {"id": "ws"},
    "credentialRef": {"externalName": "key"},
    "endpoints": [
        {"modelServiceRef": {"name": "mine"}},
        {"modelServiceRef": {"externalName": "far"}, "modelNames": ["near"]},
    ],
    "policies": {"fallbacks": [{"modelServiceRef": {"externalName": "spare"}}]},
}


def test_all_that_a_spec_names_is_found_with_its_path() -> None:
    found = [(r.path, r.grant or r.kind, r.name or r.external_name) for r in reaches(PROXY, SPEC)]
    assert sorted(found) == [
        ("credentialRef", "Credential", "key"),
        ("endpoints[0].modelServiceRef", "ModelService", "mine"),
        ("endpoints[1].modelServiceRef", "ModelService", "far"),
        ("executionRoleArn", "executionRoles", "acs:ram::1:role/a"),
        ("policies.fallbacks[0].modelServiceRef", "ModelService", "spare"),
        ("workspace.id", "workspaces", "ws"),
    ]


def test_what_is_immutable_is_known() -> None:
    fixed = {
        (kind.kind, reach.path)
        for kind in catalogue().values()
        for reach in reaches(
            kind,
            {
                "workspace": {"id": "w"},
                "runtimeRef": {"externalName": "r"},
                "templateRef": {"externalName": "t"},
                "credentialRef": {"externalName": "c"},
                "executionRoleArn": "acs:ram::1:role/a",
            },
        )
        if reach.is_fixed
    }
    assert ("AgentRuntimeEndpoint", "runtimeRef") in fixed
    assert ("Sandbox", "templateRef") in fixed
    assert ("ModelProxy", "workspace.id") in fixed
    assert not {path for _, path in fixed} & {"credentialRef", "executionRoleArn"}


def test_a_spec_that_makes_no_sense_reaches_nothing() -> None:
    nonsense = {"executionRoleArn": 3, "credentialRef": "x", "endpoints": {"a": 1}}
    assert list(reaches(PROXY, nonsense)) == []


def lacking(reach: Reach, value: str) -> Lack:
    return Lack(reach, value, NotGranted("no"))


def services(*names: str) -> dict[str, Any]:
    return {"proxyConfig": {"endpoints": [{"modelServiceName": name} for name in names]}}


def test_a_value_is_in_place_where_it_belongs_and_nowhere_else() -> None:
    far = lacking(next(r for r in reaches(PROXY, SPEC) if r.external_name == "far"), "far")
    elsewhere = {
        "description": "far",
        "proxyConfig": {
            "endpoints": [{"modelServiceName": "x", "modelNames": ["far"]}],
            "policies": {"fallbacks": [{"modelServiceName": "far"}]},
        },
    }
    wanted = services("mine", "far")
    assert [*not_in_place([far], wanted, services("far", "other"))] == []
    assert [*not_in_place([far], wanted, elsewhere)] == [far]


def test_a_value_is_in_place_as_often_as_it_is_there() -> None:
    spec = {"endpoints": [{"modelServiceRef": {"externalName": "far"}}] * 3}
    three = [lacking(reach, "far") for reach in reaches(PROXY, spec)]
    wanted = services("far", "far", "far")
    assert [*not_in_place(three, wanted, services("far", "x", "far"))] == three[2:]


DOMAIN = catalogue()["CustomDomain"]
RUNTIME_ROUTE = {"resourceType": "runtime", "resourceName": "one"}
FLOW_ROUTE = {"resourceType": "flow", "resourceName": "one"}


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"runtimeRef": {"externalName": "one"}}, RUNTIME_ROUTE),
        ({"flowRef": {"externalName": "one"}}, FLOW_ROUTE),
        ({"resource": {"type": "runtime", "name": "one"}}, RUNTIME_ROUTE),
    ],
    ids=["a runtime", "a flow", "a resource"],
)
def test_a_text_is_in_place_with_its_meaning(route: dict[str, Any], told: dict[str, str]) -> None:
    [reach] = reaches(DOMAIN, {"routes": [route]})
    wanted = {"routeConfig": {"routes": [told]}}
    for there in (RUNTIME_ROUTE, FLOW_ROUTE):
        seen = {"routeConfig": {"routes": [there]}}
        is_there = not [*not_in_place([lacking(reach, "one")], wanted, seen)]
        assert is_there is (there == told)


def test_what_shares_a_place_is_told_apart() -> None:
    """A kind that reaches for several things in one place has to say what tells them apart."""
    for kind in catalogue().values():
        shared = defaultdict(list)
        for field in spec_fields(kind.spec):
            markers = field.shape.markers
            found = marker(markers, Ref) or marker(markers, Reserved)
            # What is immutable is sent by a create alone, which nothing is in place for.
            if found is not None and not field.is_fixed:
                shared[field.wire].append(found)
        for wire, several in shared.items():
            assert len(several) == 1 or all(each.told_by for each in several), (kind.kind, wire)


def test_a_difference_is_one_of_a_reach_or_is_not() -> None:
    far = next(r for r in reaches(PROXY, SPEC) if r.external_name == "far")
    assert overlaps(far, "endpoints")
    assert overlaps(far, "endpoints[1].modelServiceRef")
    assert overlaps(far, "endpoints.1.modelServiceRef")
    assert not overlaps(far, "endpoints.1.weight")
    assert not overlaps(far, "description")

"""What a spec names beyond its own object, and whether a resource has it already."""

from agentrun_operator.core.reaches import is_in_place, overlaps, reaches
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


def test_a_value_is_in_place_where_it_belongs_and_nowhere_else() -> None:
    far = next(r for r in reaches(PROXY, SPEC) if r.external_name == "far")
    there = {"proxyConfig": {"endpoints": [{"modelServiceName": "far"}]}}
    elsewhere = {
        "description": "far",
        "proxyConfig": {"endpoints": [{"modelServiceName": "x", "modelNames": ["far"]}]},
    }
    assert is_in_place(far, "far", there)
    assert not is_in_place(far, "far", elsewhere)


def test_a_difference_is_one_of_a_reach_or_is_not() -> None:
    far = next(r for r in reaches(PROXY, SPEC) if r.external_name == "far")
    assert overlaps(far, "endpoints")
    assert overlaps(far, "endpoints[1].modelServiceRef")
    assert overlaps(far, "endpoints.1.modelServiceRef")
    assert not overlaps(far, "endpoints.1.weight")
    assert not overlaps(far, "description")

"""`env` and `envFrom` → the map that goes on the wire, as Kubernetes would build it."""

from typing import Any

import pytest

from agentrun_operator.core.drift import find_drift, find_removed
from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import applied_paths, encode
from agentrun_operator.kinds import catalogue
from agentrun_operator.kinds.parts.environment import MAX_VARIABLES

KIND = catalogue()["AgentRuntime"]
RESOLUTION = Resolution(
    secrets={"s": {"A": "secret-a", "B": "secret-b"}}, config_maps={"c": {"A": "map-a"}}
)
FROM_S = {"secretRef": {"name": "s"}}
FROM_C = {"configMapRef": {"name": "c"}}


def body(**spec: Any) -> dict[str, Any]:
    return encode(KIND, KIND.spec.model_validate(spec), RESOLUTION)


def variables(**spec: Any) -> Any:
    return body(**spec).get("environmentVariables")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, None, id="nothing-written"),
        pytest.param({"env": [{"name": "X", "value": ""}]}, {"X": ""}, id="empty-value"),
        pytest.param(
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "A"}}}]},
            {"X": "map-a"},
            id="from-a-config-map",
        ),
        pytest.param({"envFrom": [FROM_S, FROM_C]}, {"A": "map-a", "B": "secret-b"}, id="later"),
        pytest.param(
            {"envFrom": [{**FROM_S, "prefix": "P_"}]},
            {"P_A": "secret-a", "P_B": "secret-b"},
            id="prefix",
        ),
        pytest.param(
            {"envFrom": [FROM_C], "env": [{"name": "A", "value": "own"}]},
            {"A": "own"},
            id="own-variables-win",
        ),
    ],
)
def test_variables(spec: dict[str, Any], expected: dict[str, str] | None) -> None:
    assert variables(**spec) == expected


def test_a_variable_that_we_did_not_send_is_drift_and_not_shown() -> None:
    desired = body(env=[{"name": "X", "value": "1"}])
    observed = {**desired, "environmentVariables": {"X": "1", "Y": "token"}}
    (found,) = find_drift(KIND, desired, observed, partial=False)
    assert (found.path, found.desired, found.observed) == ("env", "(differs)", "(differs)")


def test_variables_that_left_the_spec_are_cleared() -> None:
    before = body(env=[{"name": "X", "value": "1"}])
    (found,) = find_removed(KIND, applied_paths(KIND, before), body(), before)
    assert (found.path, found.clearable) == ("env", True)


def from_map(data: dict[str, str], **spec: Any) -> Any:
    source = {"envFrom": [{"configMapRef": {"name": "big"}}], **spec}
    resolution = Resolution(config_maps={"big": data})
    return encode(KIND, KIND.spec.model_validate(source), resolution)["environmentVariables"]


def test_as_many_variables_as_env_holds_come_from_elsewhere() -> None:
    data = {f"KEY_{n}": "v" for n in range(MAX_VARIABLES)}
    assert from_map(data) == data
    assert len(from_map(data, env=[{"name": "KEY_0", "value": "own"}])) == MAX_VARIABLES


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({f"KEY_{n}": "abc" for n in range(3000)}, id="too many"),
        pytest.param({f"KEY_{n}": "abc" * 200_000 for n in range(3)}, id="too large"),
    ],
)
def test_variables_beyond_the_bound_are_refused_with_the_remedy(data: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter, match=r"at most \d+ are taken; .*take keys out of 'big'"):
        from_map(data)

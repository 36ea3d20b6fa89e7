"""Several problems become one message: the worst first, each with its place, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.errors import (
    MAX_MESSAGE,
    AccountMismatch,
    CredentialsNotFound,
    DependencyNotReady,
    InvalidParameter,
    OperatorError,
    ReferenceNotFound,
)
from agentrun_operator.core.problems import combined, value_problems
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.kinds import catalogue

NOT_READY = DependencyNotReady("Credential a is not Ready; see its conditions")
MISSING = ReferenceNotFound("spec.x names Secret 'b', which does not exist; create it")
OTHER = ReferenceNotFound("spec.y names Secret 'c', which does not exist; create it")
NO_ACCOUNT = CredentialsNotFound("Account d does not exist; create it")
ELSEWHERE = AccountMismatch("Credential e lives elsewhere; references cannot leave an account")


def test_one_problem_is_told_as_it_is() -> None:
    assert combined([MISSING]) is MISSING


def test_several_are_numbered_and_each_remedy_is_said_once() -> None:
    error = combined([MISSING, OTHER])
    assert type(error) is ReferenceNotFound
    assert error.message == (
        "2 problems: (1) spec.x names Secret 'b', which does not exist; "
        "(2) spec.y names Secret 'c', which does not exist; create it"
    )


def test_remedies_that_differ_say_what_they_are_for() -> None:
    odd = InvalidParameter("spec.z is odd; write an even number")
    assert combined([MISSING, odd, OTHER]).message == (
        "3 problems: (1) spec.z is odd; "
        "(2) spec.x names Secret 'b', which does not exist; "
        "(3) spec.y names Secret 'c', which does not exist; "
        "for (1): write an even number; for (2), (3): create it"
    )


def test_the_same_problem_twice_is_one() -> None:
    assert combined([MISSING, MISSING]).message == MISSING.message


@pytest.mark.parametrize(
    ("problems", "worst"),
    [
        ([NOT_READY, MISSING], ReferenceNotFound),
        ([MISSING, NO_ACCOUNT], CredentialsNotFound),
        ([NO_ACCOUNT, NOT_READY, ELSEWHERE], AccountMismatch),
    ],
)
def test_the_worst_decides_and_comes_first(
    problems: list[OperatorError], worst: type[OperatorError]
) -> None:
    error = combined(problems)
    assert type(error) is worst
    first = next(p for p in problems if type(p) is worst)
    assert error.message.startswith(
        f"{len(problems)} problems: (1) {first.message.partition(';')[0]}"
    )


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=60, unique=True))
def test_a_long_list_is_cut_and_the_rest_is_counted(texts: list[str]) -> None:
    error = combined([InvalidParameter(text) for text in texts])
    assert len(error.message) <= MAX_MESSAGE
    shown = error.message.count("(", 0)
    assert "more" in error.message or shown >= len(texts)


def test_every_value_of_a_spec_is_looked_at_and_none_is_shown() -> None:
    spec = catalogue()["AgentRuntime"].spec.model_validate(
        {
            "container": {"image": "r.io/a", "pullSecretRef": {"name": "pull"}},
            "env": [
                {"name": "A", "value": "a"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "no"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "map", "key": "no"}}},
                {"name": "D", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}},
            ],
            "arms": {"licenseKeyFrom": {"secretKeyRef": {"name": "keys", "key": "arms"}}},
        }
    )
    resolution = Resolution(
        secrets={"keys": {"arms": "canary\tcanary"}, "pull": {".dockerconfigjson": "canary"}},
        config_maps={"map": {}},
    )
    messages = [problem.message for problem in value_problems(spec, resolution)]
    assert [message.partition(": ")[0] for message in messages] == [
        "spec.env[1].valueFrom",
        "spec.env[2].valueFrom",
        "spec.container.pullSecretRef",
        "spec.arms.licenseKeyFrom",
    ]
    assert not [message for message in messages if "canary" in message]

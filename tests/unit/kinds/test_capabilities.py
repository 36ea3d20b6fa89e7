"""What a spec says of its resource, and what the kind declares of the same, agree."""

import pytest

from agentrun_operator.core.identity import ACCOUNT_KINDS
from agentrun_operator.core.kind import KeyedBy, Phase, ResourceKind, Rest
from agentrun_operator.core.policies import EndsByItself, HasStates, HasVersions, ResourceSpec
from agentrun_operator.kinds import catalogue

_KINDS = [(kind, kind.rest) for kind in catalogue().values() if kind.rest is not None]


def test_some_kind_ends_by_itself() -> None:
    assert any(issubclass(kind.spec, EndsByItself) for kind, _ in _KINDS)


@pytest.mark.parametrize(("kind", "rest"), _KINDS, ids=[kind.kind for kind, _ in _KINDS])
def test_who_has_verbs_has_states(kind: ResourceKind, rest: Rest) -> None:
    assert issubclass(kind.spec, HasStates) is bool(rest.verbs)


@pytest.mark.parametrize(("kind", "rest"), _KINDS, ids=[kind.kind for kind, _ in _KINDS])
def test_who_has_versions_says_when_to_publish(kind: ResourceKind, rest: Rest) -> None:
    assert issubclass(kind.spec, HasVersions) is (rest.versions is not None)


def test_some_kind_has_versions() -> None:
    assert any(rest.versions is not None for _, rest in _KINDS)


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda kind: kind.kind)
def test_who_has_an_end_ends_by_itself(kind: ResourceKind) -> None:
    assert issubclass(kind.spec, EndsByItself) is (Phase.ENDED in kind.phases.values())


@pytest.mark.parametrize(("kind", "rest"), _KINDS, ids=[kind.kind for kind, _ in _KINDS])
def test_who_ends_by_itself_has_another_id_next_time(kind: ResourceKind, rest: Rest) -> None:
    assert not issubclass(kind.spec, EndsByItself) or rest.key is KeyedBy.CHOSEN_ID


def test_the_local_kinds_are_those_of_accounts() -> None:
    local = [kind.kind for kind in catalogue().values() if kind.is_local]
    assert sorted(local) == sorted(ACCOUNT_KINDS)


def test_only_a_state_for_good_is_an_end() -> None:
    sandbox = catalogue()["Sandbox"]
    words = ("Running", "Paused", "Stopped", "Unheard")
    assert [word for word in words if sandbox.is_end(word)] == ["Stopped"]


def test_the_policy_names_who_adopts_only_when_asked() -> None:
    said = (ResourceSpec.model_fields["adoption_policy"].description or "").partition("default")[2]
    asks = {kind.kind for kind, _ in _KINDS if not kind.adopts_by_default}
    assert {kind.kind for kind, _ in _KINDS if kind.kind in said.replace(".", " ").split()} == asks

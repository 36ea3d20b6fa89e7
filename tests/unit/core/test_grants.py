"""Which grant allows what."""

import pytest

from agentrun_operator.core.grants import GRANTS, Allowance, Leave, NamespaceSelector

GOLD = NamespaceSelector(match_labels={"tier": "gold"})


@pytest.mark.parametrize(
    ("allowance", "labels", "expected"),
    [
        (Allowance(namespaces=("b",), grants=GRANTS), None, True),
        (Allowance(namespaces=("c",), grants=GRANTS), {"tier": "gold"}, False),
        (Allowance(namespace_selector=GOLD, grants=GRANTS), {"tier": "gold", "x": "y"}, True),
        (Allowance(namespace_selector=GOLD, grants=GRANTS), {"tier": "silver"}, False),
        (Allowance(namespace_selector=GOLD, grants=GRANTS), None, False),
        (Allowance(namespaces=("b",), namespace_selector=GOLD, grants=GRANTS), {}, True),
        (Allowance(grants=GRANTS), {"tier": "gold"}, False),
    ],
    ids=["listed", "not listed", "selected", "other label", "unread", "either", "nobody"],
)
def test_whom_an_item_concerns(
    allowance: Allowance, labels: dict[str, str] | None, *, expected: bool
) -> None:
    assert allowance.concerns("b", labels) is expected


@pytest.mark.parametrize(
    ("kinds", "patterns", "names", "expected"),
    [
        ((), (), ("x",), True),
        (("Credential",), (), ("x",), True),
        (("ModelService",), (), ("x",), False),
        ((), ("shared-*",), ("shared-key",), True),
        ((), ("shared-*",), ("my-shared-key",), False),
        ((), ("shared-?",), ("shared-12",), False),
        ((), ("Shared-*",), ("shared-key",), False),
        ((), ("a", "[xy]"), ("other", "y"), True),
        ((), ("a*",), (), False),
    ],
)
def test_what_an_item_covers(
    kinds: tuple[str, ...], patterns: tuple[str, ...], names: tuple[str, ...], *, expected: bool
) -> None:
    allowance = Allowance(namespaces=("b",), grants=("observe",), kinds=kinds, names=patterns)
    assert allowance.allows("observe", "Credential", names) is expected
    assert not allowance.allows("adoption", "Credential", names)


def test_force_includes_adoption_and_not_the_other_way_round() -> None:
    force = Allowance(namespaces=("b",), grants=("force",))
    adoption = Allowance(namespaces=("b",), grants=("adoption",))
    assert force.allows("adoption", "Credential", ("x",))
    assert not adoption.allows("force", "Credential", ("x",))


def test_a_long_name_is_cut_in_a_refusal() -> None:
    leave = Leave("ClusterAccount shared", "b", "ask", ())
    assert "x" * 129 not in leave.refusal("workspaces", "Credential", "x" * 500)

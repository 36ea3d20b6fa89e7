"""The CEL rules that types and markers bring. What they do is tested on a real API server."""

from agentrun_operator.crdgen.crd import root_schema, spec_schema
from agentrun_operator.crdgen.rules import cel_text, immutability_rules, immutable_paths
from unit.crdgen.sample import GIZMO, WIDGET, WidgetSpec


def immutability(path: str) -> str:
    rules = {p.dotted: r["rule"] for p, r in zip(PATHS, RULES, strict=True)}
    return str(rules[path])


PATHS = immutable_paths(WidgetSpec)
RULES = immutability_rules(PATHS)


def test_immutable_fields_are_found_outside_lists_only() -> None:
    assert [p.dotted for p in PATHS] == ["cpu", "memory", "namespace", "place.zone"]


def test_an_optional_path_is_guarded_from_a_fixed_ancestor() -> None:
    assert immutability("place.zone") == (
        "(has(self.place) && has(self.place.zone)) == (has(oldSelf.place) && "
        "has(oldSelf.place.zone)) && (!(has(self.place) && has(self.place.zone)) || "
        "self.place.zone == oldSelf.place.zone)"
    )


def test_a_field_with_a_default_is_compared_by_value_alone() -> None:
    assert "has(" not in immutability("cpu")


def test_quantities_are_compared_by_amount() -> None:
    assert "quantity(self.memory).compareTo(quantity(oldSelf.memory)) == 0" in immutability(
        "memory"
    )


def test_a_reserved_word_is_escaped() -> None:
    assert "self.__namespace__ == oldSelf.__namespace__" in immutability("namespace")


def test_a_quote_in_a_literal_is_escaped() -> None:
    assert cel_text(r"it's \d") == r"'it\'s \\d'"


def test_a_pattern_gets_a_message_for_people() -> None:
    (rule,) = spec_schema(WIDGET)["properties"]["namespace"]["x-kubernetes-validations"]
    assert rule == {
        "rule": "self.matches('^[a-z]+$')",
        "message": "does not have the expected format: Where it lives, e.g. `blue`.",
    }


def test_a_rule_of_the_kind_points_at_its_field() -> None:
    assert spec_schema(WIDGET)["x-kubernetes-validations"][-1] == {
        "rule": "self.managementPolicy == 'Observe' || has(self.title)",
        "message": "title is required; set it",
        "fieldPath": ".title",
        "reason": "FieldValueRequired",
    }


def test_the_root_has_rules_of_the_name_and_of_existence() -> None:
    at_root = root_schema(WIDGET)["x-kubernetes-validations"]
    assert [r["message"].split(",")[0].split(" is immutable")[0] for r in at_root] == [
        "metadata.name is not a valid AgentRun name",
        "the external name (spec.externalName",
        *(path.dotted for path in PATHS if path.is_seen),
    ]
    exists = "(has(oldSelf.status.externalId) || has(oldSelf.status.creation))"
    for rule in at_root[1:]:
        assert rule["rule"].startswith(f"!(has(oldSelf.status) && {exists}) || (")


def test_a_local_kind_has_no_external_name() -> None:
    assert "x-kubernetes-validations" not in root_schema(GIZMO)

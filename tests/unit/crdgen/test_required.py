"""What a rule requires is said where a schema cannot say it."""

from dataclasses import replace

from agentrun_operator.core.kind import Rule
from agentrun_operator.crdgen.crd import spec_schema
from agentrun_operator.crdgen.reference import reference_page
from agentrun_operator.kinds.parts.rules import exactly_one, required
from unit.crdgen.sample import WIDGET


def described(rule: Rule, field: str) -> str:
    kind = replace(WIDGET, rules=(rule,))
    return str(spec_schema(kind)["properties"][field]["description"])


def test_a_description_says_when_a_rule_requires_its_field() -> None:
    found = described(required("place", "set it"), "place")
    assert found == "Where it runs. Required unless managementPolicy is Observe."


def test_what_the_schema_requires_anyway_gets_no_exception() -> None:
    found = described(required("title", "set it"), "title")
    assert found == "Shown to people. At most 4096 characters."


def test_each_of_a_choice_says_what_the_choice_is() -> None:
    rule = exactly_one(("place", "targetRef"), "keep one")
    sentence = "Exactly one of place and targetRef is required unless managementPolicy is Observe."
    assert described(rule, "place") == f"Where it runs. {sentence}"
    assert described(rule, "targetRef").endswith(f" {sentence}")


def test_what_is_required_in_some_cases_alone_is_not_described() -> None:
    rule = Rule("!has(self.title) || has(self.place)", "place is required with title; set it")
    assert described(rule, "place") == "Where it runs."


def test_the_page_stars_what_the_schema_or_a_rule_requires() -> None:
    page = reference_page(replace(WIDGET, rules=(required("place", "set it"),)))
    for cell in ("`title*`", "`place*`", "`place.mode`", "`env[].name*`", "`env[].scope`"):
        assert f"| {cell} |" in page

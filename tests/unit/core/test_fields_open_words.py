"""Choices to which the API may add: what a spec may say, and what is made of it."""

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from agentrun_operator.core.drift import find_drift, find_removed
from agentrun_operator.core.fields import Clear, ObservedModel, ServerDefault, SpecModel
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.spec_fields import words_of
from agentrun_operator.core.wire import applied_paths, encode, field_rules
from agentrun_operator.core.words import CAPITALS, OpenWord, Words

MODES = {"Public": "PUBLIC", "Private": "PRIVATE"}


class Inner(SpecModel):
    mode: Annotated[OpenWord | None, Words(MODES, CAPITALS)] = None


class OpenSpec(ResourceSpec):
    mode: Annotated[OpenWord | None, Words(MODES, CAPITALS)] = None
    usual: Annotated[OpenWord | None, Words(MODES, CAPITALS), ServerDefault("Public")] = None
    cleared: Annotated[OpenWord | None, Words(MODES, CAPITALS), Clear("NONE")] = None
    note: str | None = None
    inner: Inner | None = None


KIND = ResourceKind(
    "Open",
    "opens",
    (),
    "Open words.",
    spec=OpenSpec,
    observed=ObservedModel,
    rest=Rest("/open", "Open", "Opens", KeyedBy.NAME, "openId", "openName"),
)


@pytest.mark.parametrize(("word", "wire"), [("Private", "PRIVATE"), ("SHARED", "SHARED")])
def test_a_word_of_ours_is_mapped_and_any_other_goes_through(word: str, wire: str) -> None:
    spec = {"mode": word, "inner": {"mode": word}}
    body = encode(KIND, OpenSpec.model_validate(spec), None)  # type: ignore[arg-type]
    assert body == {"mode": wire, "inner": {"mode": wire}}


@pytest.mark.parametrize("word", ["PUBLIC", "shared", "Sideways", "", "SHARED "])
def test_a_word_that_admission_refuses_is_refused_here_too(word: str) -> None:
    for spec in ({"mode": word}, {"inner": {"mode": word}}):
        with pytest.raises(ValidationError) as caught:
            OpenSpec.model_validate(spec)
        if word:
            assert "must be Public or Private, or a word of the API" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "clear"), [("mode", None), ("usual", "PUBLIC"), ("cleared", "NONE")]
)
def test_no_empty_text_takes_a_word_away(field: str, clear: str | None) -> None:
    rule = next(rule for rule in field_rules(KIND) if rule.path == field)
    assert (rule.clear, rule.choices) == (clear, ("PUBLIC", "PRIVATE"))


def test_a_word_that_we_do_not_know_is_shown_as_it_stands_there() -> None:
    (found,) = find_drift(KIND, {"mode": "PRIVATE"}, {"mode": "SHARED"}, partial=False)
    assert (found.desired, found.observed) == ("Private", "SHARED")
    (left,) = find_removed(KIND, applied_paths(KIND, {"mode": "SHARED"}), {}, {"mode": "SHARED"})
    assert (left.observed, left.clearable) == ("SHARED", False)


@pytest.mark.parametrize(("name", "expected"), [("mode", MODES), ("note", None), ("nothing", None)])
def test_the_words_of_a_field(name: str, expected: Any) -> None:
    found = words_of(OpenSpec, name)
    assert (found and found.words) == expected

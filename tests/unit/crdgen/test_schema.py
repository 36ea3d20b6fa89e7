"""One field of each sort, and the structural schema it becomes."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from agentrun_operator.core.fields import Form, Immutable, SpecModel, Unordered
from agentrun_operator.core.words import CAPITALS, OpenWord, Words
from agentrun_operator.crdgen.scalars import GenerationError
from agentrun_operator.crdgen.schema import OBSERVED, object_schema
from unit.crdgen.sample import Variable, WidgetObserved, WidgetSpec


def field(name: str) -> dict[str, Any]:
    schema = object_schema(WidgetSpec)["properties"][name]
    assert isinstance(schema, dict)
    return schema


def test_a_field_without_default_is_required() -> None:
    assert object_schema(WidgetSpec)["required"] == ["title"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("title", {"type": "string", "maxLength": 4096}),
        ("retries", {"type": "integer", "format": "int32", "minimum": 0, "maximum": 9}),
        ("tags", {"type": "array", "x-kubernetes-list-type": "set", "maxItems": 64}),
        ("labels", {"type": "object", "maxProperties": 4}),
        ("options", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        ("memory", {"x-kubernetes-int-or-string": True, "maxLength": 16}),
        ("cpu", {"x-kubernetes-preserve-unknown-fields": True, "maximum": 16, "default": "2"}),
    ],
)
def test_type_and_bounds_follow_the_annotation(name: str, expected: dict[str, Any]) -> None:
    assert field(name).items() >= expected.items()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("title", "Shown to people. At most 4096 characters."),
        ("cpu", "Cores. Range 0.05 to 16. Default 2. Immutable."),
        ("memory", "Memory. Range 128Mi to 32Gi. Server default 4Gi. Immutable."),
        ("retries", "Repeats of a failed call. Range 0 to 9."),
        ("targetRef", "What it turns. Leads to: Gadget."),
        (
            "options",
            "Whatever the type takes. At most 64 entries. Write-only: the API never returns it.",
        ),
    ],
)
def test_a_description_says_what_kubectl_explain_would_not(name: str, text: str) -> None:
    assert field(name)["description"] == text


@pytest.mark.parametrize("name", ["cpu", "memory"])
def test_what_may_be_a_number_or_a_text_has_no_type(name: str) -> None:
    assert not {"type", "anyOf"} & set(field(name))


def test_only_defaults_that_say_something_stand_in_the_schema() -> None:
    properties = object_schema(WidgetSpec)["properties"]
    assert {n: p["default"] for n, p in properties.items() if "default" in p} == {"cpu": "2"}
    assert properties["place"]["properties"]["mode"]["default"] == "Public"


def test_a_default_object_lets_the_defaults_below_it_fire() -> None:
    class Inner(SpecModel):
        """Inner."""

        mode: str = "Public"
        """Mode."""

    class Outer(SpecModel):
        """Outer."""

        inner: Inner = Inner()
        """Inner."""

    inner = object_schema(Outer)["properties"]["inner"]
    assert inner["default"] == {}
    assert inner["properties"]["mode"]["default"] == "Public"


def test_a_list_is_keyed_by_the_name_that_users_see() -> None:
    env = field("env")
    assert env["x-kubernetes-list-type"] == "map"
    assert env["x-kubernetes-list-map-keys"] == ["name"]


def test_a_form_speaks_in_the_place_of_a_pattern() -> None:
    class Owner(SpecModel):
        """Owner."""

        code: Annotated[
            str, Field(pattern="^[a-z]+$"), Form("^[ab]$", "must be a or b", ("a", "b"))
        ]
        """Code."""

    found = object_schema(Owner)["properties"]["code"]
    assert "pattern" not in found
    assert [rule["message"] for rule in found["x-kubernetes-validations"]] == ["must be a or b"]


def test_an_optional_key_cannot_key_a_list() -> None:
    class Owner(SpecModel):
        """Owner."""

        items: Annotated[tuple[WidgetSpec, ...], Unordered("externalName")] = ()
        """Items."""

    with pytest.raises(GenerationError, match=r"Owner\.items: an immutable field below an atomic"):
        object_schema(Owner)


def test_an_immutable_field_of_a_keyed_item_has_a_rule_there() -> None:
    rules = field("env")["items"]["x-kubernetes-validations"]
    assert [r["fieldPath"] for r in rules] == [".scope"]


def test_an_immutable_field_below_an_atomic_list_is_refused() -> None:
    class Owner(SpecModel):
        """Owner."""

        items: tuple[Variable, ...] = ()
        """Items."""

    with pytest.raises(GenerationError, match=r"Owner\.items"):
        object_schema(Owner)


def test_a_float_is_refused() -> None:
    class Owner(SpecModel):
        """Owner."""

        share: float = 0.5
        """Share."""

    with pytest.raises(GenerationError, match=r"Owner\.share"):
        object_schema(Owner)


def test_a_union_is_refused() -> None:
    class Owner(SpecModel):
        """Owner."""

        either: int | str = 1
        """Either."""

    with pytest.raises(GenerationError, match="no unions"):
        object_schema(Owner)


def test_a_field_without_docstring_is_refused() -> None:
    class Owner(SpecModel):
        """Owner."""

        silent: Annotated[int, Field(ge=1), Immutable()]

    with pytest.raises(GenerationError, match=r"Owner\.silent has no docstring"):
        object_schema(Owner)


def test_what_the_cloud_says_is_not_bounded() -> None:
    address = object_schema(WidgetObserved, OBSERVED)["properties"]["address"]
    assert address == {"type": "string", "description": "Where it answers."}


def _choice(words: Words) -> dict[str, Any]:
    class Chooser(SpecModel):
        """Chooser."""

        mode: Annotated[OpenWord | None, words] = None
        """Public or Private."""

    found = object_schema(Chooser)["properties"]["mode"]
    assert isinstance(found, dict)
    return found


def test_an_open_choice_takes_other_words_but_no_second_spelling() -> None:
    schema = _choice(Words({"ACR": "ACR", "Public": "PUBLIC"}, CAPITALS))
    (rule,) = schema["x-kubernetes-validations"]
    assert "enum" not in schema
    assert rule["rule"] == (
        "self in ['ACR', 'Public'] || (self.matches('^[A-Z][A-Z0-9_]*$') && !(self in ['PUBLIC']))"
    )
    assert rule["message"].startswith(
        "must be ACR or Public, or a word of the API that has no name"
    )
    assert schema["description"] == (
        "Public or Private. Another word of the API goes through as it is."
    )


def test_an_open_choice_says_what_other_words_look_like() -> None:
    with pytest.raises(GenerationError, match=r"Chooser\.mode: say what other words look like"):
        _choice(Words({"Public": "PUBLIC"}))

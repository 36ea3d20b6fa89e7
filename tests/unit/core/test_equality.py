"""When two wire values mean the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.equality import same, same_scalar
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import Document, Unordered
from unit.core.sample_kind import json_values

SCALARS = [
    pytest.param(2, 2.0, True, id="a whole float"),
    pytest.param(0.5, "0.5", True, id="a number as text"),
    pytest.param("10240", 10240, True, id="text as a number"),
    pytest.param(600, "600", True, id="a timeout that comes back as text"),
    pytest.param(600, "600s", False, id="text that is no number"),
    pytest.param(600, None, False, id="a number and nothing"),
    pytest.param(0, None, True, id="zero and nothing"),
    pytest.param(0, "0", True, id="zero as text"),
    pytest.param(0, 1, False, id="zero and one"),
    pytest.param(False, None, True, id="off and nothing"),
    pytest.param(False, "false", True, id="off as text"),
    pytest.param(False, True, False, id="off and on"),
    pytest.param(True, "True", True, id="on as text"),
    pytest.param(True, None, False, id="on and nothing"),
    pytest.param(True, 1, False, id="on is no number"),
    pytest.param("yes", True, False, id="a word is no switch"),
    pytest.param("", None, True, id="empty text and nothing"),
    pytest.param("", "x", False, id="empty text and text"),
    pytest.param("x", "X", False, id="letter case counts"),
    pytest.param("x", None, False, id="text and nothing"),
    pytest.param(10**400, 10**400, True, id="a number beyond floats"),
    pytest.param(2**53 + 1, 2**53, False, id="a difference that floats lose"),
    pytest.param(1, "sNaN", False, id="not a number"),
    pytest.param(1, float("inf"), False, id="infinity"),
    pytest.param(1, {"a": 1}, False, id="a document instead of a number"),
    pytest.param("x", ["x"], False, id="a list instead of text"),
]


@pytest.mark.parametrize(("desired", "seen", "equal"), SCALARS)
def test_same_scalar(desired: Any, seen: Any, equal: bool) -> None:  # noqa: FBT001
    assert same_scalar(desired, seen) is equal


def _child(name: str, reads: str | None = None) -> FieldRule:
    return FieldRule(attribute=name, path=f"list.{name}", api=name, reads=(reads or name,))


def _list(*children: FieldRule, unordered: Unordered | None = None) -> FieldRule:
    return FieldRule(
        attribute="list",
        path="list",
        api="list",
        reads=("list",),
        children=children,
        is_list=True,
        unordered=unordered,
    )


ORDERED = _list()
SET = _list(unordered=Unordered())
ITEMS = _list(_child("name"), _child("size"))
BY_NAME = _list(_child("name", reads="title"), _child("size"), unordered=Unordered("name"))
LOOSE = _list(_child("name"), _child("size"), unordered=Unordered())

LISTS = [
    pytest.param(ORDERED, ["a", "b"], ["a", "b"], True, id="in order"),
    pytest.param(ORDERED, ["a", "b"], ["b", "a"], False, id="order counts"),
    pytest.param(ORDERED, [1, 2], ["1", "2"], True, id="numbers as text"),
    pytest.param(ORDERED, [], None, True, id="empty and absent"),
    pytest.param(ORDERED, ["a"], None, False, id="something and absent"),
    pytest.param(ORDERED, ["a"], "a", False, id="text instead of a list"),
    pytest.param(ORDERED, ["a"], ["a", "b"], False, id="one too many"),
    pytest.param(SET, ["a", "b"], ["b", "a"], True, id="a set in any order"),
    pytest.param(SET, ["a", "a", "b"], ["a", "b", "b"], False, id="duplicates are counted"),
    pytest.param(SET, ["a", "a"], ["a", "a"], True, id="equal duplicates"),
    pytest.param(ITEMS, [{"name": "a"}], [{"name": "a", "more": 1}], True, id="server's own field"),
    pytest.param(ITEMS, [{"name": "a"}], [{"name": "a", "size": 7}], True, id="unset in the item"),
    pytest.param(ITEMS, [{"name": "a"}], ["a"], False, id="text instead of an object"),
    pytest.param(
        BY_NAME,
        [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
        [{"title": "b", "size": 2}, {"title": "a", "size": 1}],
        True,
        id="by key, under the answer's name of it",
    ),
    pytest.param(
        BY_NAME,
        [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
        [{"title": "b", "size": 1}, {"title": "a", "size": 2}],
        False,
        id="by key, values swapped",
    ),
    pytest.param(
        BY_NAME, [{"name": "a"}, {"name": "a"}], [{"title": "a"}, {"title": "b"}], False,
        id="by key, a key twice",
    ),
    pytest.param(
        BY_NAME, [{"name": "a"}, {"name": "b"}], [{"size": 1}, {"size": 2}], False,
        id="by key, no key in the answer",
    ),
    pytest.param(
        LOOSE,
        [{"name": "a"}, {"name": "a", "size": 1}],
        [{"name": "a", "size": 1}, {"name": "a"}],
        True,
        id="the vague item leaves the exact match to the exact one",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "desired", "seen", "equal"), LISTS)
def test_same_list(rule: FieldRule, desired: Any, seen: Any, equal: bool) -> None:  # noqa: FBT001
    assert same(rule, desired, seen, partial=False) is equal


MAP = FieldRule(attribute="m", path="m", api="m", reads=("m",), exact_map=True)
DOCUMENT = FieldRule(attribute="d", path="d", api="d", reads=("d",), free_form=True)

DOCUMENTS = [
    pytest.param(MAP, {"a": "1"}, {"a": "1"}, True, id="map, equal"),
    pytest.param(MAP, {"a": "1"}, {"a": "1", "b": "2"}, False, id="map, a foreign key"),
    pytest.param(MAP, {"a": "1"}, {}, False, id="map, a key missing"),
    pytest.param(MAP, {}, None, True, id="map, empty and absent"),
    pytest.param(MAP, {"a": "1"}, "a=1", False, id="map, text instead"),
    pytest.param(DOCUMENT, {"a": 1}, {"a": 1, "b": 2}, True, id="document, server adds"),
    pytest.param(DOCUMENT, {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True, id="document, deep"),
    pytest.param(DOCUMENT, {"a": [1]}, {"a": [1, 2]}, False, id="document, list too long"),
    pytest.param(DOCUMENT, {"a": {}}, {}, True, id="document, empty part and absent"),
    pytest.param(DOCUMENT, {}, None, True, id="document, empty and absent"),
    pytest.param(DOCUMENT, {"a": 1}, [], False, id="document, list instead"),
]


@pytest.mark.parametrize(("rule", "desired", "seen", "equal"), DOCUMENTS)
def test_same_document(
    rule: FieldRule,
    desired: Any,
    seen: Any,
    equal: bool,  # noqa: FBT001
) -> None:
    assert same(rule, desired, seen, partial=False) is equal


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4), json_values)
def test_no_answer_of_a_server_breaks_a_comparison(desired: dict[str, Any], seen: Any) -> None:
    for rule in (DOCUMENT, MAP):
        assert same(rule, desired, seen, partial=False) in (True, False)
    for rule in (ORDERED, SET, ITEMS, BY_NAME, LOOSE):
        assert same(rule, [desired], seen, partial=True) in (True, False)


@given(st.lists(st.text(max_size=2), max_size=6).flatmap(
    lambda items: st.tuples(st.just(items), st.permutations(items))
))  # fmt: skip
def test_a_permutation_of_a_set_is_the_same(pair: tuple[list[str], list[str]]) -> None:
    assert same(SET, pair[0], pair[1], partial=False)


PARTS = FieldRule(
    attribute="",
    path="d",
    api="d",
    reads=("d",),
    free_form=True,
    document=Document(owned=frozenset({"headers"}), sets={"users": "name"}),
)
ANN, BOB = {"name": "ann", "password": "a"}, {"name": "bob", "password": "b"}


@pytest.mark.parametrize(
    ("desired", "seen", "equal"),
    [
        pytest.param({"headers": {"A": "1"}}, {"headers": {"A": "1"}, "x": 1}, True, id="beside"),
        pytest.param({"headers": {"A": "1"}}, {"headers": {"A": "1", "B": ""}}, False, id="extra"),
        pytest.param({"headers": {"A": "1"}}, {"headers": {"A": "2"}}, False, id="other value"),
        pytest.param({"headers": {"A": "1"}}, {}, False, id="gone"),
        pytest.param({"headers": {"A": ""}}, {"headers": {}}, True, id="empty text and absence"),
        pytest.param({"x": 1}, {"x": 1, "headers": {"A": "1"}}, True, id="owned but unset"),
        pytest.param({"users": [ANN, BOB]}, {"users": [BOB, ANN]}, True, id="any order"),
        pytest.param({"users": [ANN, BOB]}, {"users": [BOB, BOB]}, False, id="one twice"),
        pytest.param({"users": [ANN]}, {"users": [ANN, BOB]}, False, id="one more"),
        pytest.param({"users": [ANN]}, {"users": [{**ANN, "id": 1}]}, True, id="server's field"),
        pytest.param({"users": [ANN]}, {"users": "ann"}, False, id="no list"),
        pytest.param({"users": [ANN]}, None, False, id="no document"),
        pytest.param({"users": "odd"}, {"users": "odd"}, True, id="an odd list, left alone"),
        pytest.param({"headers": 1}, {"headers": 1}, True, id="an odd map, left alone"),
        pytest.param({"users": [ANN, ANN]}, {"users": [ANN, ANN]}, True, id="twice, and equal"),
    ],
)
def test_parts_of_a_document(desired: Any, seen: Any, *, equal: bool) -> None:
    assert same(PARTS, desired, seen, partial=False) is equal

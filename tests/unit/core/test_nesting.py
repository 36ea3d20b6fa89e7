"""What is nested too deeply for a parser is cut, and everything else is left as it was."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.nesting import (
    MAX_DEPTH,
    has_more_values,
    is_deeper,
    loads,
    shallow,
)

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(levels: int, opens: str = '{"a":', closes: str = "}") -> str:
    return opens * levels + '"}]\\"{["' + closes * levels


@pytest.mark.parametrize(
    ("document", "depth"),
    [
        pytest.param("text", 0, id="a text"),
        pytest.param({}, 1, id="an empty object"),
        pytest.param([[1], {"a": "b"}], 2, id="a list of both"),
        pytest.param({"a": [], "b": {"c": [{}]}}, 4, id="the deepest branch counts"),
    ],
)
def test_levels_are_counted(document: object, depth: int) -> None:
    assert not is_deeper(document, depth)
    assert depth == 0 or is_deeper(document, depth - 1)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 990, 10_000])
@pytest.mark.parametrize(
    ("opens", "closes"),
    [pytest.param('{"a":', "}", id="objects"), pytest.param("[", "]", id="lists")],
)
def test_what_is_too_deep_is_cut(levels: int, opens: str, closes: str) -> None:
    deep = f'{{"before": 1, "deep": {nested(levels, opens, closes)}, "after": [2]}}'
    cut = loads(deep)
    assert (cut["before"], cut["after"]) == (1, [2])
    assert is_deeper(cut, MAX_DEPTH - 1)
    assert not is_deeper(cut, MAX_DEPTH)
    assert json.loads(shallow(deep.encode())) == cut


@given(DOCUMENTS)
def test_everything_else_is_left_as_it_was(document: object) -> None:
    text = json.dumps(document)
    assert loads(text) == document
    assert json.loads(shallow(text.encode())) == document


def test_many_brackets_side_by_side_are_not_deep() -> None:
    wide = json.dumps([{"]": "\\"}] * 1000).encode()
    assert shallow(wide) == wide


@pytest.mark.parametrize("text", ["x" * 100_000, '"\\' * 50_000], ids=["plain", "escapes"])
def test_a_long_text_costs_no_multiple_of_its_bytes(text: str) -> None:
    document = json.dumps([text, *[{}] * MAX_DEPTH]).encode()
    tracemalloc.start()
    try:
        assert shallow(document) == document
        assert tracemalloc.get_traced_memory()[1] < 3 * len(document)
    finally:
        tracemalloc.stop()


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        loads(b"[")


@pytest.mark.parametrize(
    ("document", "values"),
    [
        pytest.param("text", 1, id="a text"),
        pytest.param({}, 1, id="an empty object"),
        pytest.param([1, {"a": "b", "c": [2]}], 6, id="all levels count"),
    ],
)
def test_values_are_counted(document: object, values: int) -> None:
    assert not has_more_values(document, values)
    assert has_more_values(document, values - 1)


def test_a_document_is_counted_up_to_the_bound_alone() -> None:
    class Unread(list[int]):
        def __len__(self) -> int:
            raise AssertionError("counted beyond the bound")

    assert has_more_values([Unread(), [1] * 20], 10)

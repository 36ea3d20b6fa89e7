"""The part of a body that no read returns."""

from typing import Any

import pytest
from hypothesis import given

from agentrun_operator.core.write_only import find_unseen, write_only_part, write_only_paths
from unit.core.sample_kind import FULL, KIND, SECRET_VALUE, body_of, specs


def test_the_write_only_part_of_a_full_spec() -> None:
    assert write_only_part(KIND, body_of(FULL)) == {"licenseKey": SECRET_VALUE}


@pytest.mark.parametrize("spec", [{}, {"description": "d"}], ids=["empty", "all readable"])
def test_nothing_write_only(spec: dict[str, Any]) -> None:
    assert write_only_part(KIND, body_of(spec)) == {}


@given(specs)
def test_it_is_a_part_of_the_body(spec: dict[str, Any]) -> None:
    body = body_of(spec)
    part = write_only_part(KIND, body)
    assert part.items() <= body.items()
    assert set(part) <= {"licenseKey"}


def test_the_write_only_paths_of_a_kind() -> None:
    assert write_only_paths(KIND) == {"licenseKey"}


@pytest.mark.parametrize(
    ("answer", "is_unseen"),
    [
        pytest.param({}, True, id="not shown"),
        pytest.param({"licenseKey": "***"}, False, id="shown, masked"),
        pytest.param({"licenseKey": ""}, False, id="shown, empty"),
    ],
)
def test_what_left_is_unseen_where_no_answer_shows_it(
    answer: dict[str, Any], *, is_unseen: bool
) -> None:
    found = find_unseen(KIND, frozenset({"licenseKey"}), answer)
    assert [d.path for d in found] == (["licenseKey"] if is_unseen else [])
    assert all(d.clearing and d.clearable for d in found)

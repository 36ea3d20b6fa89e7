"""The table of docs/multi-tenancy.md is proven: each row names a test, and no grant is untold."""

import re
from collections import Counter

from agentrun_operator.core.grants import GRANTS
from chart.rendering import ROOT

TESTS = ROOT / "tests" / "engine"
TEXT = (ROOT / "docs" / "multi-tenancy.md").read_text()
ROWS = re.findall(r"^\| .* \| `(test_\w+)\.(test_\w+)` \|$", TEXT, re.MULTILINE)
_TABLE = TEXT[TEXT.index("## Who may do what to whom") : TEXT.index("## What a shared account")]


def proofs_in(module: str) -> list[str]:
    """Return the names of the tests in a module."""
    source = (TESTS / f"{module}.py").read_text()
    return re.findall(r"^(?:async )?def (test_\w+)\(", source, re.MULTILINE)


def test_each_row_names_a_test_that_is_there() -> None:
    rows = [line for line in _TABLE.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(ROWS)
    assert [row for row in ROWS if row[1] not in proofs_in(row[0])] == []


def test_no_test_proves_two_rows() -> None:
    assert [row for row, count in Counter(ROWS).items() if count > 1] == []


def test_each_test_of_the_grants_is_a_row() -> None:
    named = {test for module, test in ROWS if module == "test_grants"}
    assert set(proofs_in("test_grants")) == named


def test_each_grant_is_told() -> None:
    assert [grant for grant in GRANTS if f"| `{grant}` |" not in TEXT] == []

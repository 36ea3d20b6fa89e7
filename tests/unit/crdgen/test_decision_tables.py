"""The page of the decision tables shows each row once, in its order."""

import re

from agentrun_operator.crdgen.decision_tables import decision_page
from agentrun_operator.reconcile.decide import DELETION, LIFE, Row

PAGE = decision_page()


def _shown(title: str, pattern: str) -> list[tuple[str, str, str]]:
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(pattern, section, re.MULTILINE)


def _expected(rows: tuple[Row, ...]) -> list[tuple[str, str, str]]:
    return [(str(n), row.name, row.action.value) for n, row in enumerate(rows, start=1)]


def test_the_table_has_each_row_in_its_order() -> None:
    pattern = r"^\| (\d+) \| (.+) \| `(.+)` \|$"
    assert _shown("Deletion", pattern) == _expected(DELETION)
    assert _shown("Life", pattern) == _expected(LIFE)


def test_the_picture_has_each_row_in_its_order() -> None:
    pattern = r'\{"(\d+)\. (.+)"\} -- yes --> \w+\["([\w-]+)"\]'
    assert _shown("Deletion", pattern) == _expected(DELETION)
    assert _shown("Life", pattern) == _expected(LIFE)


def test_each_box_leads_to_the_next_and_the_last_one_ends() -> None:
    chain = _shown("Life", r"^    (l\d+) -- (no) --> (l\d+)$")
    assert chain == [(f"l{n}", "no", f"l{n + 1}") for n in range(1, len(LIFE))]


def test_names_of_rows_need_no_escape() -> None:
    """A quote would end the label of its box, and a bar the cell of its table."""
    assert not [row.name for row in (*DELETION, *LIFE) if re.search(r'["|`<>#]', row.name)]


def test_waiting_and_stalled_actions_are_coloured() -> None:
    coloured = {(word, name) for name, word, _ in _shown("Life", r'\["([\w-]+)"\]:::(\w+)()$')}
    assert {("wait", "await"), ("stall", "stall-failed")} <= coloured
    assert all(name.startswith(("await", "stall")) for _, name in coloured)

"""The two tables of `reconcile.decide` as a page with a picture, so that nobody draws them by hand.

Only the order and the names are shown. What a row looks at stands in `decide.py` and nowhere else.
"""

from collections.abc import Iterable, Iterator

from agentrun_operator.crdgen.render import MARK
from agentrun_operator.reconcile.decide import DELETION, LIFE, Action, Row

_CLASSES = {"stall": "stall", "await": "wait"}
"""First word of an action → class of its box; what is not here has no colour."""
_STYLES = """\
    classDef stall fill:#f8d7da,stroke:#b02a37,color:#000
    classDef wait fill:#fff3cd,stroke:#997404,color:#000
"""
_INTRODUCTION = f"""\
<!-- {MARK}; do not edit -->
# Decision tables

What a pass does next with an object: `reconcile/decide.py` goes through one of two tables from its
top, and the first row that matches names the action. An object that is being deleted goes through
the first table, any other through the second. Some actions end the pass, after others it decides
again with what it has learned ([one pass](../architecture.md#one-pass)).

Yellow actions wait. Red ones report what only a change can mend: of the object, of another one, or
of the resource.
"""


def decision_page() -> str:
    """Return the page with both tables, each as a picture and as text."""
    parts = [_INTRODUCTION]
    for title, prefix, rows in (("Deletion", "d", DELETION), ("Life", "l", LIFE)):
        parts.append(f"\n## {title}\n\n```mermaid\n{_picture(prefix, rows)}```\n\n{_table(rows)}")
    return "".join(parts)


def _picture(prefix: str, rows: tuple[Row, ...]) -> str:
    return "".join(["flowchart TD\n", *_boxes(prefix, rows), _STYLES])


def _boxes(prefix: str, rows: tuple[Row, ...]) -> Iterator[str]:
    last = len(rows)
    for number, row in enumerate(rows, start=1):
        here = f"{prefix}{number}"
        yield f'    {here}{{"{number}. {row.name}"}} -- yes --> {here}a["{row.action.value}"]'
        yield f"{_class_of(row.action)}\n"
        if number < last:
            yield f"    {here} -- no --> {prefix}{number + 1}\n"


def _class_of(action: Action) -> str:
    word = action.value.partition("-")[0]
    return f":::{_CLASSES[word]}" if word in _CLASSES else ""


def _table(rows: Iterable[Row]) -> str:
    lines = "".join(
        f"| {number} | {row.name} | `{row.action.value}` |\n"
        for number, row in enumerate(rows, start=1)
    )
    return f"| row | matches | action |\n| --- | --- | --- |\n{lines}"

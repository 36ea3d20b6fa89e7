"""The glossary names what exists, and tells of no word that the code has dropped."""

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "agentrun_operator"


class Entry(NamedTuple):
    """One row: the word, its meaning, where the code has it, what the code still says instead."""

    word: str
    meaning: str
    name: str
    older: str


def _entries() -> list[Entry]:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+) \| `([\w.]+)` \|(.*)\|$", text, re.MULTILINE)
    return [Entry(*row) for row in rows]


ENTRIES = _entries()
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "operator" / PACKAGE).rglob("*.py")
)


def test_every_row_is_read() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.startswith(("| word |", "| --- |"))]
    assert len(ENTRIES) == len(rows) - len(heads)


def test_no_word_is_told_twice() -> None:
    words = [word for entry in ENTRIES for word in entry.word.split(", ")]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.word)
def test_the_code_has_what_the_glossary_names(entry: Entry) -> None:
    assert _exists(entry.name), f"{entry.name} is gone: name what stands for it in docs/glossary.md"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.word)
def test_words_that_are_still_used_are_used(entry: Entry) -> None:
    told = re.findall(r"`([^`]+)`", entry.older)
    gone = [word for word in told if not re.search(rf"\b{re.escape(word)}", SOURCES)]
    assert not gone, "the code has dropped it: take it out of docs/glossary.md"


def _exists(dotted: str) -> bool:
    """Whether a module, class, function, attribute or field of that name exists."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join([PACKAGE, *parts[:count]]))
        except ModuleNotFoundError:
            continue
        return _has(found, parts[count:])
    return False


def _has(owner: Any, names: list[str]) -> bool:
    for name in names:
        is_field = dataclasses.is_dataclass(owner) and name in {
            field.name for field in dataclasses.fields(owner)
        }
        if not is_field and not hasattr(owner, name):
            return name in getattr(owner, "__annotations__", {})
        owner = getattr(owner, name, None)
    return True

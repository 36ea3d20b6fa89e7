"""No pointer is dead: what code and pages cite, link to or name exists.

A dead pointer costs its reader the search for something that is not there, and nobody who moves a
file or a section remembers all that name it.
"""

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "agentrun-api.md"
FOLDERS = ("operator", "tests", "tools", "docs", "charts", "samples", ".github", ".ci")
COMMENTED = frozenset({".yaml", ".toml", ".in", ""})
"""Suffixes of files whose prose stands behind `#`."""
BASES = (
    ".",
    "operator",
    "operator/agentrun_operator",
    "operator/agentrun_simulator",
    "docs",
    "tests",
    "tools",
    "charts/agentrun-operator",
)
"""Where a path in prose may begin, beside the folder of the file that names it."""
NOT_OURS = frozenset({"pkg/cel/environment/base.go", "operator/__init__.py"})
"""A source of Kubernetes, and the file that must never exist."""

ADDRESS = re.compile(r"\b(?:https?|oci)://\S+")
PATH = re.compile(
    r"(?<![\w/.$}~*%-])((?:[\w.-]+/)+[\w.-]+\.(?:py|md|yaml|json|toml|txt|go))\b(?:::(\w+))?"
)
NAME = re.compile(r"(?<![\w/.*%{}-])([\w-]+\.(?:py|md|toml))\b")
FOLDER = re.compile(r"`((?:[\w.-]+/)+[\w-]*)`")
SECTION = re.compile(r"§(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")
ITEMS = re.compile(r"§10 items? (\d+(?:, \d+)*)")
GRADES = re.compile(r"§[\d.]+(?: items? [\d, ]+)? \[([A-Z?](?:, [A-Z?])*)\]")
LINK = re.compile(r"\]\((?!https?://|oci://|mailto:)([^)\s]*)\)")


@functools.cache
def _files() -> tuple[Path, ...]:
    found = [path for path in ROOT.iterdir() if path.name != "LICENSE"]
    found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    kinds = {".py", ".md", *COMMENTED}
    return tuple(
        path
        for path in sorted(found)
        if path.is_file() and path.suffix in kinds and "golden" not in path.parts
    )


PAGES = tuple(path for path in _files() if path.suffix == ".md")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


@functools.cache
def _prose() -> tuple[tuple[Path, int, str], ...]:
    """Return what people read: (file, line, text), of Python only docstrings and comments."""
    return tuple((path, line, text) for path in _files() for line, text in _prose_of(path))


def _prose_of(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield node.lineno, str(node.value.value)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        yield number, line.partition("#")[2] if path.suffix in COMMENTED else line


def _place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def _exists(name: str, near: Path) -> bool:
    bases = (near.parent, *(ROOT / base for base in BASES))
    return any((base / name).exists() or (base / f"{name}.py").exists() for base in bases)


@functools.cache
def _anchors(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    anchors: list[str] = []
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        anchors.append(f"{anchor}-{anchors.count(anchor)}" if anchor in anchors else anchor)
    return frozenset(anchors)


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def _lines_with_sections() -> Iterator[tuple[str, str]]:
    """Return the lines that cite the control-plane reference, of code as well as of prose."""
    for path in _files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if SECTION.search(line):
                yield _place(path, number), line


def _cited(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Return where something is cited, and what, once for each name in a list of names."""
    for place, line in _lines_with_sections():
        for names in pattern.findall(line):
            for name in names.split(", "):
                yield place, name


def test_every_cited_section_of_the_reference_exists() -> None:
    numbers = {title.split()[0].rstrip(".") for title in _headings(REFERENCE)}
    dead = [
        f"{place}: §{number}"
        for place, line in _lines_with_sections()
        for ends in SECTION.findall(line)
        for number in ends
        if number and number not in numbers
    ]
    assert not dead


def test_every_cited_item_of_the_reference_exists() -> None:
    listed = re.findall(r"^(\d+)\. ", REFERENCE.read_text().split("\n## 10. ")[1], re.MULTILINE)
    dead = [
        f"{place}: §10 item {number}" for place, number in _cited(ITEMS) if number not in listed
    ]
    assert not dead


def test_every_grade_of_evidence_is_explained() -> None:
    explained = re.findall(r"^\| \[(.)\] \|", REFERENCE.read_text(), re.MULTILINE)
    unknown = [f"{place}: [{grade}]" for place, grade in _cited(GRADES) if grade not in explained]
    assert not unknown


def test_the_reference_is_cited_by_section() -> None:
    """A title in quotes leaves its reader to search 400 lines."""
    vague = [
        _place(path, line)
        for path, line, text in _prose()
        if re.search(r'control-plane reference,\s+"', text)
    ]
    assert not vague


@each_page
def test_links_lead_to_a_file_and_a_heading_in_it(page: Path) -> None:
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = LINK.findall(page.read_text(encoding="utf-8"))
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links]
    docs = ROOT / "docs"
    unreached = {page for page in PAGES if docs in page.parents} - reached
    assert not sorted(page.name for page in unreached)


def test_cited_headings_exist() -> None:
    dead = []
    for path, line, text in _prose():
        for name, title in re.findall(r'\bdocs/([\w-]+\.md),\s+"([^"]+)"', text):
            page = ROOT / "docs" / name
            if not page.exists() or title not in _headings(page):
                dead.append(f"{_place(path, line)}: {name}, {title}")
    assert not dead


def test_cited_decisions_exist_under_their_number() -> None:
    numbers = {int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    dead = []
    for path, line, text in _prose():
        cited = re.findall(r"\bdecision (\d+)\b(?:\]\([^)]*?(\d{4})-)?", text)
        dead += [
            f"{_place(path, line)}: decision {number} {link}"
            for number, link in cited
            if int(number) not in numbers or (link and int(link) != int(number))
        ]
    assert not dead


def test_files_named_in_prose_exist() -> None:
    names = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")}
    names |= {path.name for path in ROOT.iterdir()}
    heads = {path.name for base in BASES for path in (ROOT / base).iterdir() if path.is_dir()}
    dead = []
    for path, line, raw in _prose():
        text = ADDRESS.sub("", raw)
        named = [name for name, _ in PATH.findall(text) if name not in NOT_OURS]
        # What does not begin here is a path of the cluster, such as an annotation.
        named += [name for name in FOLDER.findall(text) if Path(name).parts[0] in heads]
        missing = [name for name in named if not _exists(name, path)]
        missing += [name for name in NAME.findall(text) if name not in names]
        dead += [f"{_place(path, line)}: {name}" for name in missing]
    assert not dead


def test_tests_named_in_prose_exist() -> None:
    dead = [
        f"{_place(path, number)}: {name}::{test}"
        for path in _files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for name, test in PATH.findall(line)
        if test and not _defines(ROOT / name, test)
    ]
    assert not dead


def _defines(path: Path, test: str) -> bool:
    return path.is_file() and f"def {test}(" in path.read_text(encoding="utf-8")


def test_make_targets_named_in_prose_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    dead = [
        f"{_place(path, line)}: make {target}"
        for path, line, text in _prose()
        for target in re.findall(r"(?:`|^\$? ?)make ([a-z][a-z0-9-]*)", text)
        if target not in targets
    ]
    assert not dead

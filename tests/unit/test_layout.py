"""The shape of the repository: what people and tools rely on without being told."""

import ast
import json
import re
from pathlib import Path

import pytest

from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.kinds import catalogue

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for package in ("agentrun_operator", "agentrun_simulator")
    for path in (ROOT / "operator" / package).rglob("*.py")
)
ORDINARY_WORDS = {"tool"}
"""Words that mean something else in messages, although a kind may be called so."""
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def test_operator_is_a_source_root_and_no_package() -> None:
    """A package of that name would hide a module of the standard library."""
    assert not (ROOT / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT / "operator").as_posix())
def test_every_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("package", ["api", "core", "crdgen", "kube", "reconcile", "telemetry"])
def test_unit_tests_mirror_the_modules_of_a_package(package: str) -> None:
    """What needs more than one module of the engine is a scenario, below tests/engine."""
    modules = {path.stem for path in (ROOT / "operator" / "agentrun_operator" / package).iterdir()}
    strangers = [
        path.name
        for path in (ROOT / "tests" / "unit" / package).glob("test_*.py")
        if not any(f"{path.stem}_".startswith(f"test_{module}_") for module in modules)
        or "fakes.lab" in path.read_text()
    ]
    assert strangers == []


def test_only_app_and_command_line_know_the_kinds() -> None:
    """The engine, its adapters and the generator serve kinds that nobody has written yet."""
    knowing = {
        path.name
        for path in MODULES
        if path.parent.parts[-2:] != ("kinds", "parts") and path.parent.name != "kinds"
        if "agentrun_operator.kinds" in path.read_text()
    }
    assert knowing == {"app.py", "cli.py"}


def _texts(path: Path) -> list[str]:
    """Return the texts in a module's code, without its docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    values = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in told)
    return [node.value for node in values if isinstance(node.value, str)]


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.parent.name in ("core", "reconcile")],
    ids=lambda p: p.relative_to(ROOT / "operator").as_posix(),
)
def test_no_text_of_the_engine_names_a_kind_with_a_resource(path: Path) -> None:
    """What is true of one kind only is a capability, which the kind declares."""
    names = {kind.kind for kind in catalogue().values() if kind.rest is not None}
    spoken = {name.lower() for name in names} - ORDINARY_WORDS
    named = re.compile(rf"\b({'|'.join(names | spoken)})\b")
    found = [text for text in _texts(path) if named.search(text)]
    assert found == [], "make it a capability of the kind; or the word is in ORDINARY_WORDS above"


def _first_column(title: str) -> list[str]:
    """Return the words in backquotes that open the rows of a table in docs/conditions.md."""
    text = (ROOT / "docs" / "conditions.md").read_text()
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_every_reason_is_explained_once() -> None:
    assert sorted(_first_column("Reasons")) == sorted(reason.value for reason in Reason)


def test_every_condition_type_is_explained_in_its_order() -> None:
    assert _first_column("Condition types") == [name.value for name in ConditionType]


def test_every_reason_has_a_meaning_and_a_remedy() -> None:
    text = (ROOT / "docs" / "conditions.md").read_text()
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", text.split("## Reasons")[1], re.MULTILINE
    )
    assert len(rows) == len(Reason)
    assert all(len(meaning) > 10 and remedy for _, meaning, remedy in rows)


def test_no_two_decisions_have_one_number() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda p: p.stem)
def test_every_decision_says_what_would_change_it(path: Path) -> None:
    titles = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
    assert titles == [
        "Context",
        "Options and their price",
        "Decision",
        "What would change our mind",
    ]


def test_no_name_of_a_test_is_too_long_to_read() -> None:
    names = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert [name for name in sorted(names) if len(name) > 60] == []


def test_an_unreleased_section_always_exists() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()


def test_every_make_target_is_told_to_contributors_and_exists() -> None:
    told = re.findall(
        r"^\| `make ([a-z-]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(told) == sorted(targets)


def test_every_folder_of_tests_is_told_to_contributors() -> None:
    told = re.findall(r"^\| `tests/(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    folders = [path.parent.name for path in (ROOT / "tests").glob("*/*") if path.suffix != ".pyc"]
    assert sorted(told) == sorted(set(folders) - {"__pycache__"})


def test_the_index_of_decisions_has_each_with_title_and_status() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    listed = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \|$", index, re.MULTILINE)
    assert listed == [(*_title_of(path), path.name, _status_of(path)) for path in DECISIONS]


def _title_of(path: Path) -> tuple[str, str]:
    number, title = path.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)
    assert int(number) == int(path.name[:4])
    return number, title


def _status_of(path: Path) -> str:
    (status,) = re.findall(r"^Status: (.+)\.$", path.read_text(), re.MULTILINE)
    assert re.fullmatch(r"accepted|superseded by decision \d+", status)
    return str(status)


def test_the_dev_container_has_the_python_of_the_workflows() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    (version,) = {
        found
        for path in (ROOT / ".github" / "workflows").glob("*.yaml")
        for found in re.findall(r'python-version: "(.+)"', path.read_text())
    }
    assert f"/python:{version}-" in container["image"]

"""Byte code that depends on nothing but its source."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from image.bytecode import compile_folder

SOURCE = """
WORDS = frozenset({"one", "two", "three", "four"})
def count(word):
    return word in {"one", "two", "three", "four"} and len(word)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "numbers_of_words.py").write_text(SOURCE)
    (tmp_path / "template.py").write_text("{{ no python }}")
    return tmp_path


def compiled(package: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(package / "numbers_of_words.py")))


def test_what_is_no_python_is_left_alone(package: Path) -> None:
    assert compile_folder(package) == 1
    assert [p.name for p in compiled(package).parent.iterdir()] == [compiled(package).name]


def test_python_takes_it_and_does_not_look_at_the_source_again(package: Path) -> None:
    compile_folder(package)
    (package / "numbers_of_words.py").write_text("raise SystemExit('the source was read')")
    program = "import numbers_of_words as n; print(n.count('three'), sorted(n.WORDS))"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(package)},
    )
    assert done.stdout == "5 ['four', 'one', 'three', 'two']\n", done.stderr


def test_two_runs_write_the_same(package: Path) -> None:
    seen = set()
    program = Path(__file__).parents[3] / "tools" / "image" / "bytecode.py"
    for _ in range(2):
        subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, program, package], check=True, env={"PYTHONHASHSEED": "0"}
        )
        seen.add(compiled(package).read_bytes())
        compiled(package).unlink()
    assert len(seen) == 1

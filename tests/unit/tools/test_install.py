"""What is told while the locked dependencies are installed."""

import sys
from pathlib import Path

import pytest

from install import main, progress

PIP = [
    "Collecting a==1 (from -r dev.txt)\n",
    "  Downloading a-1.whl (1 kB)\n",
    "Collecting b==2 (from -r dev.txt)\n",
    "Installing collected packages: a, b\n",
    "Successfully installed a-1 b-2\n",
]


def test_a_visitor_sees_one_line_that_changes() -> None:
    said = "".join(progress(PIP, 3, is_watched=True))
    assert said.split("\r")[1:] == [
        "  1 of 3 packages",
        "  2 of 3 packages",
        "  2 packages are here; installing them\n",
    ]


def test_a_log_gets_a_few_lines() -> None:
    lines = [f"Collecting p{number}\n" for number in range(100)]
    assert list(progress(lines, 100, is_watched=False)) == [
        f"  {number} of 100 packages\n" for number in (25, 50, 75, 100)
    ]


def test_what_pip_said_is_shown_when_it_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pip, requirements = tmp_path / "pip", tmp_path / "dev.txt"
    requirements.write_text("a==1 --hash=sha256:0\n")
    pip.write_text(f"#!{sys.executable}\nprint('THESE PACKAGES DO NOT MATCH'); exit(3)\n")
    pip.chmod(0o700)
    assert main(str(pip), requirements) == 3
    assert "THESE PACKAGES DO NOT MATCH" in capsys.readouterr().err

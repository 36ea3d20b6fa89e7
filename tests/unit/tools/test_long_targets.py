"""Targets that build for minutes say at once what they miss."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("target", ["e2e-argocd", "e2e-pods", "test-upgrade"])
def test_a_target_without_git_says_so_in_one_line(target: str, tmp_path: Path) -> None:
    for program in ("make", "sh"):
        (tmp_path / program).symlink_to(shutil.which(program) or program)
    done = subprocess.run(  # noqa: S603 - our own Makefile
        [tmp_path / "make", target],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    line, rest = done.stderr.split("\n", 1)
    assert line.startswith(f"make {target} needs git, which is not on PATH;")
    assert rest.startswith("make: ***")
    assert done.stdout == ""

"""Two rounds of `make soak-real`: the harness itself works, and what it says is true."""

import pytest

from soak_real.runner import run


@pytest.mark.slow
def test_two_rounds_of_trouble_leave_nothing_behind() -> None:
    troubles = ("kill during an unreliable cloud", "cut the watches")
    report = run(7, 2, seconds=3, troubles=troubles, quiet_seconds=1.5)
    assert report.violations == []
    assert report.rounds.total() == 2

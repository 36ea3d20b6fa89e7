"""What is said of the versions that answer at an endpoint."""

from typing import Any

import pytest

from agentrun_operator.kinds.parts.routing import served


def shares(*weights: Any) -> dict[str, Any]:
    versions = [{"version": str(n), "weight": w} for n, w in enumerate(weights, start=1)]
    return {"routingConfiguration": {"versionWeights": versions}}


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ({}, "LATEST"),
        ({"targetVersion": "", "routingConfiguration": None}, "LATEST"),
        ({"targetVersion": "3", "routingConfiguration": {"versionWeights": []}}, "3"),
        (shares(0.9, 0.1), "1 (90%), 2 (10%)"),
        (shares(90, 10), "1 (90%), 2 (10%)"),
        (shares("0.330", 0.67), "1 (33%), 2 (67%)"),
        (shares(None, {}), "1 (?), 2 (?)"),
        ({"routingConfiguration": {"versionWeights": "none"}}, "LATEST"),
    ],
)
def test_versions_that_answer_are_told(read: dict[str, Any], said: str) -> None:
    assert served(read) == said


def test_the_order_of_an_answer_says_nothing() -> None:
    read = shares(0.9, 0.1)
    read["routingConfiguration"]["versionWeights"].reverse()
    assert served(read) == "1 (90%), 2 (10%)"

"""A LIST shows resources of several namespaces: what one of them holds spoils it for no other."""

from typing import Any

import pytest

from engine.shared import GOOD, REF, SHARED, shared_lab
from engine.specs import TEMPLATE


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([10**300] * 2000, id="many long numbers"),
        pytest.param([10**4000] * 8, id="a few that are longer"),
    ],
)
async def test_long_numbers_of_one_leave_the_others_served(numbers: Any) -> None:
    lab = await shared_lab()
    spec = {**TEMPLATE, **REF}
    others = [lab.cluster.apply("SandboxTemplate", f"t-{n}", spec) for n in range(6)]
    document = {"templateConfiguration": {"settings": {"numbers": numbers}}}
    spoilt = [
        lab.cluster.apply("SandboxTemplate", f"s-{n}", {**spec, **document}, namespace="team-b")
        for n in range(3)
    ]
    await lab.elapse(60)
    lab.simulator.remove("Template", "t-0")
    lab.simulator.clear_requests()
    await lab.elapse(300)
    assert {lab.ready(key) for key in [*others, *spoilt, SHARED]} == {GOOD}
    assert lab.writes_to_cloud() == ["CreateTemplate"], "a number as a text is no drift"

"""What no rule of admission sees is told by condition: the size of a proxy that exists."""

import pytest

from engine.specs import SAMPLES, made, ready


@pytest.mark.parametrize("cpu", ["4", 0.5, "500m"])
async def test_the_cpu_of_an_existing_proxy_is_told_to_be_immutable(cpu: object) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    before = len(lab.writes_to_cloud())
    (proxy,) = made(lab, SAMPLES["ModelProxy"])
    lab.edit(key, cpu=cpu)
    await lab.elapse(15)
    assert lab.ready(key) == ("False", "ImmutableFieldChanged")
    assert lab.condition(key, "Stalled") == ("True", "ImmutableFieldChanged")
    assert "cpu" in lab.message(key)
    assert len(lab.writes_to_cloud()) == before
    lab.edit(key, cpu=f"{proxy['cpu']}")
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")

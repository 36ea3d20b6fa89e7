"""A namespace may have so many objects: what is new beyond is told, what is there is served."""

from agentrun_operator.core.settings import Settings
from engine.specs import SERVICE
from fakes.lab import Lab


async def crowded(lab: Lab) -> None:
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    for n in range(4):
        lab.cluster.apply("ModelService", f"svc-{n}", SERVICE)
        await lab.elapse(10)


async def test_one_object_too_many_says_so_and_costs_no_call() -> None:
    lab = Lab(Settings(max_objects_per_namespace=4))
    await crowded(lab)
    lab.calls.take()
    key = lab.cluster.apply("ModelService", "late", SERVICE)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "QuotaExceeded")
    assert "4 objects" in lab.message(key)
    assert "MAX_OBJECTS_PER_NAMESPACE" in lab.message(key)
    assert not [name for name in lab.calls.take() if "Create" in name or "finalizer" in name]


async def test_room_that_is_made_is_used() -> None:
    lab = Lab(Settings(max_objects_per_namespace=4))
    await crowded(lab)
    key = lab.cluster.apply("ModelService", "late", SERVICE)
    await lab.elapse(10)
    first = next(k for k in lab.cluster.keys() if k.name == "svc-0")  # noqa: SIM118
    lab.cluster.delete(first)
    await lab.elapse(900)
    assert lab.ready(key) == ("True", "Available")


async def test_served_objects_stay_so_when_the_limit_is_lowered() -> None:
    lab = Lab()
    await crowded(lab)
    lab.settings = Settings(max_objects_per_namespace=2)
    lab.restart()
    for key in [k for k in lab.engine._world.cache.keys() if k.kind == "ModelService"]:  # noqa: SIM118
        lab.edit(key, description="edited")
    await lab.elapse(120)
    services = lab.resources("ModelService")
    assert [each["description"] for each in services] == ["edited"] * 4


async def test_another_namespace_is_not_concerned() -> None:
    lab = Lab(Settings(max_objects_per_namespace=4))
    await crowded(lab)
    assert lab.engine._world.cache.claimed_in("team-a") >= 4
    assert lab.engine._world.cache.claimed_in("team-b") == 0

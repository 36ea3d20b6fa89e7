"""Workloads read a published address also while its object drifts, waits, or is out of reach."""

from collections.abc import Awaitable, Callable

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES
from engine.test_outages import DEFAULT, DOWN, REFUSED, inject
from engine.test_publications import AT, PUBLISHING, SECONDS, published
from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab

Trouble = Callable[[Lab, ObjectKey], Awaitable[None]]


async def drift(lab: Lab, key: ObjectKey) -> None:
    lab.edit(key, driftPolicy="Report")
    await lab.elapse(20)
    lab.simulator.edit(SAMPLES[key.kind].family, "it", {"description": "by hand"})
    await lab.elapse(70)
    assert lab.ready(key) == ("False", "DriftDetected")


async def young_outage(lab: Lab, _: ObjectKey) -> None:
    inject(lab, DOWN)
    await lab.elapse(5)


async def outage(lab: Lab, key: ObjectKey) -> None:
    inject(lab, DOWN)
    await lab.elapse(300)
    assert lab.ready(key) == ("Unknown", "ProviderUnavailable")


async def refused_keys(lab: Lab, key: ObjectKey) -> None:
    inject(lab, REFUSED)
    await lab.elapse(300)
    assert lab.ready(key) == ("Unknown", "CredentialsInvalid")


async def keys_of_another_account(lab: Lab, _: ObjectKey) -> None:
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == ("False", "AccountMismatch")


async def account_gone(lab: Lab, _: ObjectKey) -> None:
    lab.cluster.vanish(DEFAULT)
    await lab.elapse(60)


async def transition(lab: Lab, key: ObjectKey) -> None:
    inject(lab, {"action": "Update.*", "effect": "slow", "seconds": 3000, "times": 1})
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "Updating")


async def failing_update(lab: Lab, key: ObjectKey) -> None:
    inject(lab, DOWN, action="Update.*")
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderUnavailable")


async def refused_spec(lab: Lab, key: ObjectKey) -> None:
    refusal = {"effect": "error", "status": 400, "code": "ERR_BAD_REQUEST", "times": None}
    inject(lab, refusal, action="Update.*")
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "InvalidParameter")


TROUBLES: tuple[Trouble, ...] = (
    drift,
    young_outage,
    outage,
    refused_keys,
    keys_of_another_account,
    account_gone,
    transition,
    failing_update,
    refused_spec,
)


@pytest.mark.parametrize("kind", PUBLISHING)
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("restarts", [False, True], ids=["living", "restarted"])
async def test_a_map_that_is_touched_in_trouble_is_restored(
    kind: str, trouble: Trouble, *, restarts: bool
) -> None:
    lab, key = await published(kind)
    before = lab.cluster.connections[AT]
    await trouble(lab, key)
    told = lab.ready(key)
    for is_deleted in (True, False):
        if is_deleted:
            lab.cluster.delete_config_map("address")
        else:
            lab.cluster.put_config_map("address", {"url": "else"})
        if restarts:
            lab.restart()
        await lab.elapse(SECONDS + 3 * restarts)
        assert lab.cluster.connections[AT] == before
        assert lab.ready(key) == told, "that is all that was done"
        await lab.elapse(30)
    lab.calls.take()
    await lab.elapse(60)
    assert "publish" not in lab.calls.names


@pytest.mark.parametrize("kind", PUBLISHING)
async def test_no_address_of_what_is_gone_is_published(kind: str) -> None:
    lab, key = await published(kind)
    lab.simulator.remove(SAMPLES[kind].family, "it")
    inject(lab, DOWN, action="Create.*")
    await lab.elapse(120)
    assert lab.ready(key)[0] == "False"
    lab.cluster.delete_config_map("address")
    await lab.elapse(20)
    assert lab.cluster.connections == {}
    lab.simulator.clear_faults()
    await lab.elapse(120)
    assert lab.ready(key) == ("True", "Available")
    assert AT in lab.cluster.connections


@pytest.mark.parametrize("kind", PUBLISHING)
async def test_maps_of_paused_and_leaving_objects_are_left_alone(kind: str) -> None:
    lab, key = await published(kind)
    lab.annotate(key, paused="true")
    await lab.elapse(5)
    lab.cluster.delete_config_map("address")
    await lab.elapse(60)
    assert lab.cluster.connections == {}
    lab.annotate(key, paused="false")
    await lab.elapse(5)
    assert AT in lab.cluster.connections
    inject(lab, DOWN)
    lab.cluster.delete(key)
    await lab.elapse(5)
    lab.cluster.delete_config_map("address")
    await lab.elapse(60)
    assert lab.cluster.connections == {}

"""kill -9 at random moments: afterwards no duplicate, no leak, no loss."""

import os
import random
import time
from collections import Counter

import pytest

from integration.conftest import TenantFactory
from integration.fleet import (
    FAMILIES,
    Tenant,
    credential,
    external_id,
    external_name,
    family_of_each,
)
from rig import Rig

SETS = 7
KILLS_OF_CREATES, KILLS_OF_DELETES = 3, 2
SEED = "AGENTRUN_TEST_SEED"
"""Environment variable that repeats a run's random choices."""
LONGEST_LIFE_SECONDS = 0.7
"""Between two kills; half of what the fleet takes to come or to go."""


@pytest.fixture
def chance() -> random.Random:
    """Return a generator whose seed is printed with a failure."""
    seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**6))
    print(f"{SEED}={seed}")  # noqa: T201 - to repeat a failure
    return random.Random(seed)  # noqa: S311 - it has to be repeatable


def kill_again_and_again(fleet: Rig, times: int, chance: random.Random) -> None:
    """Kill the operator and start it again, a few times, and leave it running."""
    for _ in range(times):
        time.sleep(chance.uniform(0.0, LONGEST_LIFE_SECONDS))
        fleet.kill_operator()
        fleet.start_operator()


def test_no_duplicate_no_leak_no_loss(
    fleet: Rig, tenants: TenantFactory, chance: random.Random
) -> None:
    """Objects of all kinds come and go while the operator dies and answers get lost."""
    tenant = tenants()
    tenant.edit("Account", "default", requestsPerSecond=60)  # slow enough to be interrupted
    objects = [each for n in range(SETS) for each in family_of_each(f"-{n}")]
    objects.append(credential("one-more"))
    chance.shuffle(objects)
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for action in ("CreateAgentRuntime", "CreateModelProxy", "CreateSandbox", "CreateCredential"):
        tenant.fault("drop-after", action=action, times=2)

    tenant.apply(*objects)
    kill_again_and_again(fleet, KILLS_OF_CREATES, chance)
    tenant.wait_ready()
    _each_object_has_its_resource(tenant, names)
    _each_was_created_once(tenant, names)

    fleet.cloud.clear_faults()
    tenant.fault("drop-after", action="Delete.*|StopSandbox", times=6)
    for kind, name in names:
        tenant.delete(kind, name)
    kill_again_and_again(fleet, KILLS_OF_DELETES, chance)
    tenant.wait_gone()
    assert tenant.resources() == {}
    _each_was_created_once(tenant, names)


def _each_object_has_its_resource(tenant: Tenant, names: set[tuple[str, str]]) -> None:
    wanted = Counter(FAMILIES[kind] for kind, _ in names)
    found = tenant.resources()
    assert {family: len(items) for family, items in found.items()} == wanted
    for kind, name in names:
        ident = tenant.get(kind, name)["status"]["externalId"]
        ours = [e for e in found[FAMILIES[kind]] if external_id(kind, e) == ident]
        known = [external_name(kind, e) for e in ours]
        assert known == [ident if kind == "Sandbox" else name]


def _each_was_created_once(tenant: Tenant, names: set[tuple[str, str]]) -> None:
    """No create was asked for twice, whatever became of its answer."""
    creates = [each for each in tenant.requests() if each["action"].startswith("Create")]
    refused = [each for each in creates if each["status"] not in (200, None)]
    assert refused == []
    assert len(creates) == len(names), Counter(each["action"] for each in creates)

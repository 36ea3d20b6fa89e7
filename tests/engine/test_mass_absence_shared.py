"""What is missing counts for the cloud account, however many Account objects lead to it."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import PROXY
from engine.test_absence import count
from engine.test_default_deletion_policy import DEFAULT
from engine.test_kept_by_a_former_account import SHARED, bring, lab_of
from engine.test_mass_absence import BRAKED, GOOD, UNKNOWN, remove
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

TEAMS = [f"team-{n}" for n in range(10)]
LIMIT = 3


async def teams(**spec: Any) -> tuple[Lab, dict[str, list[ObjectKey]]]:
    """Return a lab of ten namespaces, each with an Account of one cloud account and few proxies."""
    lab = Lab()
    found = {}
    for team in TEAMS:
        lab.cluster.put_secret("keys", keys_of(MAIN), namespace=team)
        lab.cluster.apply("Account", "default", account_spec("keys", **spec), namespace=team)
        await lab.elapse(5)
        found[team] = [
            lab.cluster.apply(
                "ModelProxy", f"it-{n}", {**PROXY, "externalName": f"{team}-{n}"}, namespace=team
            )
            for n in range(3)
        ]
    await lab.elapse(60)
    assert {lab.ready(key) for keys in found.values() for key in keys} == {GOOD}
    lab.calls.take()
    return lab, found


def account(team: str) -> ObjectKey:
    return ObjectKey("Account", team, "default")


async def test_an_emptied_cloud_brakes_all_its_accounts() -> None:
    lab, found = await teams()
    for keys in found.values():
        remove(lab, keys)
    await lab.elapse(300)
    made = count(lab, "Create")
    assert made <= LIMIT
    braked = [team for team in TEAMS if lab.ready(account(team)) == BRAKED]
    assert len(braked) >= len(TEAMS) - made
    team = braked[0]
    since = str(lab.get(account(team)).status["massAbsence"]["since"])
    lab.annotate(account(team), accept_absence=since)
    await lab.elapse(100)
    assert {lab.ready(key) for key in found[team]} == {GOOD}
    assert lab.ready(account(braked[1])) == BRAKED
    assert UNKNOWN in {lab.ready(key) for key in found[braked[1]]}


@pytest.mark.parametrize("mode", ["Off", "Verify"])
async def test_accounts_that_are_not_verified_count_alone(mode: str) -> None:
    lab, found = await teams(identityCheck={"mode": mode})
    for keys in found.values():
        remove(lab, keys)
    await lab.elapse(300)
    assert (count(lab, "Create") > LIMIT) is (mode == "Off")


async def test_who_misses_nothing_is_not_held() -> None:
    lab, found = await teams()
    for team in TEAMS[1:]:
        remove(lab, found[team])
    await lab.elapse(300)
    assert lab.ready(account(TEAMS[0])) == GOOD
    lab.calls.take()
    spec = {**PROXY, "externalName": "new"}
    new = lab.cluster.apply("ModelProxy", "new", spec, namespace=TEAMS[0])
    await lab.elapse(30)
    assert lab.ready(new) == GOOD


async def test_one_absence_counts_once_whoever_tells_of_it() -> None:
    """The account of its object is forced out and comes back before the absence is proven."""
    lab = await lab_of(None, None)
    keys = [lab.cluster.apply("ModelProxy", f"it-{n}", PROXY) for n in range(LIMIT)]
    await lab.elapse(30)
    lab.cluster.vanish(DEFAULT)
    await lab.elapse(100)
    remove(lab, keys)
    lab.calls.take()
    for key in keys:
        lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(2)
    bring(lab, DEFAULT, None)
    await lab.elapse(100)
    assert {lab.ready(key) for key in keys} == {GOOD}
    assert count(lab, "Create") == LIMIT
    assert {lab.ready(each) for each in (DEFAULT, SHARED)} == {GOOD}

"""A lost status, and `accountRef` edited meanwhile: the account of before still knows its name."""

from typing import Any

import pytest

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from engine.shared import EVERYTHING, SHARED, shared_lab
from engine.specs import PROXY, SAMPLES
from engine.strangers import PROXY_BODY, RUNTIME_BODY, by_hand
from engine.test_name_prefixes import DEFAULT, GOOD, lab_with, name, names
from engine.test_prefixes_at_odds import TAKEN
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

IMMUTABLE = ("False", "ImmutableFieldChanged")
kinds = pytest.mark.parametrize("kind", ["Flow", "Workspace", "AgentRuntime"])


def another_account(lab: Lab, prefix: str = "o-", **more: Any) -> None:
    """Bring a second Account, of the same cloud account if not said otherwise."""
    spec = {**lab.get(DEFAULT).spec, **more, "defaults": {"namePrefix": prefix}}
    lab.cluster.apply("Account", "other", spec)


async def moved(kind: str, *, restarted: bool = True, **more: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab with an object that lost its status, and went over to another Account."""
    lab = await lab_with("p-")
    another_account(lab)
    key = lab.cluster.apply(kind, "it", {**SAMPLES[kind].spec, **more})
    await lab.elapse(40)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.cluster.reset_status(key)
    lab.edit(key, accountRef={"name": "other"})
    if restarted:
        lab.restart()
    return lab, key


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "alive"])
@kinds
async def test_no_second_one_is_made_by_the_new_accounts_name(
    kind: str, *, restarted: bool
) -> None:
    lab, key = await moved(kind, restarted=restarted)
    await lab.elapse(200)
    assert names(lab, kind) == ["p-it"]
    # A mark, or an answer to this process, proves it; then the prefix is told as with a status.
    is_proven = kind == "AgentRuntime" or not restarted
    assert lab.ready(key) == (IMMUTABLE if is_proven else TAKEN), lab.message(key)
    assert "'p-it'" in lab.message(key)
    lab.edit(key, externalName="p-it")
    await lab.elapse(100)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["adopted"] is not is_proven
    assert names(lab, kind) == ["p-it"]


async def test_a_name_of_its_own_says_that_it_is_not_its() -> None:
    lab, key = await moved("Flow")
    await lab.elapse(100)
    assert lab.message(key).endswith("spec.externalName 'p-it' if it is, else 'o-it'")
    lab.edit(key, externalName="o-it")
    await lab.elapse(60)
    assert lab.ready(key) == GOOD
    assert names(lab, "Flow") == ["o-it", "p-it"]


@pytest.mark.parametrize("kind", ["AgentRuntime", "Flow"])
async def test_a_deletion_goes_by_a_proof_alone(kind: str) -> None:
    lab, key = await moved(kind, deletionPolicy="Delete")
    lab.cluster.delete(key)
    await lab.elapse(200)
    assert lab.cluster.raw(key) is None
    assert names(lab, kind) == ([] if kind == "AgentRuntime" else ["p-it"])


async def test_a_mark_counts_before_a_strangers_bare_name() -> None:
    lab, key = await moved("AgentRuntime")
    await by_hand(lab, "AgentRuntime", RUNTIME_BODY)
    await lab.elapse(200)
    assert lab.ready(key) == IMMUTABLE, lab.message(key)
    assert lab.get(key).external_name == "p-it"


async def test_a_shared_account_vouches_for_whom_it_admits() -> None:
    for admitted in (True, False):
        lab = await shared_lab(EVERYTHING, allowed=("team-a",) if admitted else ("team-b",))
        name(lab, "p-", SHARED)
        lab.cluster.put_secret("account-keys", keys_of(MAIN))
        lab.cluster.apply("Account", "other", account_spec("account-keys"))
        await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "p-it"})
        raw = {
            "metadata": {"finalizers": [FINALIZER]},
            "spec": {**PROXY, "accountRef": {"name": "other"}},
        }
        lab.cluster.server.create(ObjectKey("ModelProxy", "team-a", "it"), raw)
        await lab.elapse(60)
        assert names(lab) == (["p-it"] if admitted else ["it", "p-it"])


@pytest.mark.parametrize(
    "there",
    [
        {"accountId": OTHER.account_id},
        {"region": "cn-beijing"},
        {"endpoint": "http://elsewhere.test"},
        {"endpoint": "no address"},
    ],
    ids=str,
)
async def test_an_account_elsewhere_vouches_for_nothing_here(there: dict[str, str]) -> None:
    lab = await lab_with(None)
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "o-it"})
    another_account(lab, **there)
    raw = {"metadata": {"finalizers": [FINALIZER]}, "spec": dict(PROXY)}
    lab.cluster.server.create(ObjectKey("ModelProxy", "team-a", "it"), raw)
    await lab.elapse(60)
    assert names(lab) == ["it", "o-it"]


@pytest.mark.parametrize("way", ["new", "found under its name"])
async def test_in_the_ordinary_case_nothing_more_is_asked(way: str) -> None:
    calls = []
    for has_another in (False, True):
        lab = await lab_with("p-")
        if has_another:
            another_account(lab)
            await lab.elapse(5)
        lab.calls.take()
        key = lab.cluster.apply("ModelProxy", "it", PROXY)
        await lab.elapse(20)
        if way != "new":
            lab.calls.take()
            lab.cluster.reset_status(key)
            await lab.elapse(20)
        assert lab.ready(key) == GOOD
        calls.append(lab.calls.take())
    assert calls[0] == calls[1]

"""`spec.defaults.namePrefix` of an account: two namespaces may use one name, and each keeps its."""

from contextlib import suppress
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.claims import Claims
from engine.shared import EVERYTHING, PLAIN_RUNTIME, SHARED, a_runtime, shared_lab
from engine.specs import PROXY, RUNTIME, SAMPLES, made
from fakes.calls import Crash
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")
CONFLICT = ("False", "ExternalNameConflict")
REF = {"accountRef": {"kind": "ClusterAccount", "name": "shared"}}


async def lab_with(prefix: str | None = "{namespace}-") -> Lab:
    """Return a lab with an Account that has a prefix, or none."""
    lab = Lab()
    lab.cluster.put_secret("account-keys", keys_of(MAIN))
    lab.cluster.apply("Account", "default", account_spec("account-keys"))
    name(lab, prefix)
    await lab.elapse(5)
    return lab


def name(lab: Lab, prefix: str | None, account: ObjectKey = DEFAULT) -> None:
    """Edit the prefix of an account as admission lets one: that of before stays known."""
    given = lab.get(account).spec.get("defaults") or {}
    former = [*given.get("formerNamePrefixes", ()), given.get("namePrefix")]
    defaults = {
        "namePrefix": prefix,
        "formerNamePrefixes": [p for p in former if p not in (None, prefix)],
    }
    lab.edit(account, defaults={n: v for n, v in defaults.items() if v} or None)


async def proxy(lab: Lab, name: str = "it", **more: Any) -> ObjectKey:
    key = lab.cluster.apply("ModelProxy", name, {**PROXY, **more})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    return key


def names(lab: Lab, family: str = "ModelProxy") -> list[str]:
    field = SAMPLES[family].kind
    rest = lab.kinds[field].rest
    assert rest is not None
    return sorted(str(r[rest.name_field or ""]) for r in lab.resources(family))


def recorded(lab: Lab, key: ObjectKey) -> tuple[str, str | None]:
    status = lab.get(key).status
    return status["externalName"], status.get("namePrefix")


@pytest.mark.parametrize(
    ("prefix", "own", "expected"),
    [
        (None, None, "it"),
        ("dev-", None, "dev-it"),
        ("{namespace}-", None, "team-a-it"),
        ("{namespace}-", "mine", "mine"),
    ],
    ids=["neither", "a word", "the namespace", "the object's own"],
)
async def test_the_object_comes_before_its_account(
    prefix: str | None, own: str | None, expected: str
) -> None:
    lab = await lab_with(prefix)
    key = await proxy(lab, **({} if own is None else {"externalName": own}))
    assert names(lab) == [expected]
    is_prefixed = expected not in ("it", own)
    told = expected.removesuffix("it") if is_prefixed else None
    assert recorded(lab, key) == (expected, told)


async def test_two_namespaces_use_one_name() -> None:
    lab = await shared_lab(EVERYTHING)
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    keys = [
        lab.cluster.apply("ModelProxy", "chat", {**PROXY, **REF}, namespace=namespace)
        for namespace in ("team-a", "team-b")
    ]
    await lab.elapse(20)
    assert [lab.ready(key) for key in keys] == [GOOD, GOOD]
    assert names(lab) == ["team-a-chat", "team-b-chat"]
    lab.cluster.delete(keys[0])
    await lab.elapse(30)
    assert names(lab) == ["team-b-chat"]


async def test_two_that_come_to_one_name_are_told_so() -> None:
    lab = await lab_with("{namespace}-")
    first = await proxy(lab)
    second = lab.cluster.apply("ModelProxy", "other", {**PROXY, "externalName": "team-a-it"})
    third = await proxy(lab, "third", externalName="it")
    assert lab.ready(second) == CONFLICT
    assert "'team-a-it'" in lab.message(second)
    assert lab.ready(first) == lab.ready(third) == GOOD


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("before", "after"), [(None, "p-"), ("p-", None), ("p-", "q-")])
async def test_what_exists_keeps_its_name(
    before: str | None, after: str | None, *, restarted: bool
) -> None:
    lab = await lab_with(before)
    key, called = await proxy(lab), f"{before or ''}it"
    lab.calls.take()
    name(lab, after)
    if restarted:
        lab.restart()
    await lab.elapse(400)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert names(lab) == [called]
    assert lab.calls.names.count("write_status") == 1, "one for the account"
    lab.edit(key, description="second")
    await lab.elapse(30)
    assert [r["description"] for r in lab.resources("ModelProxy")] == ["second"]
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert names(lab) == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_vanished_comes_back_under_its_name(*, restarted: bool) -> None:
    lab = await lab_with("p-")
    key = await proxy(lab)
    name(lab, "q-")
    await lab.elapse(5)
    lab.simulator.remove("ModelProxy", "p-it")
    if restarted:
        lab.restart()
    await lab.elapse(300)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert names(lab) == ["p-it"]
    assert recorded(lab, key) == ("p-it", "p-")


@pytest.mark.parametrize("kind", ["ModelProxy", "Credential", "AgentRuntime", "SandboxTemplate"])
@pytest.mark.parametrize("after", [1, 2, 3, 4, 5, 6])
async def test_a_create_cut_short_keeps_its_announced_name(kind: str, after: int) -> None:
    sample = SAMPLES[kind]
    lab = await lab_with("p-")
    await sample.prepare(lab)
    key = lab.cluster.apply(kind, "it", sample.spec)
    lab.calls.take()
    lab.calls.crash_after = after
    with suppress(Crash):
        await lab.elapse(20)
    name(lab, "q-")
    lab.restart()
    await lab.elapse(200)
    assert lab.ready(key) == GOOD, lab.message(key)
    rest = lab.kinds[kind].rest
    assert rest is not None
    found = [str(r[rest.name_field or ""]) for r in made(lab, sample)]
    assert found == [lab.get(key).status["externalName"]], "one, and on record"
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert [r for r in made(lab, sample) if r[rest.name_field or ""] in found] == []


async def test_an_account_made_anew_gives_its_prefix_to_what_is_new() -> None:
    lab = await lab_with("p-")
    old, spec = await proxy(lab), lab.get(DEFAULT).spec
    lab.cluster.vanish(DEFAULT)
    await lab.elapse(30)
    defaults = {"namePrefix": "q-", "formerNamePrefixes": ["p-"]}
    lab.cluster.apply("Account", "default", {**spec, "defaults": defaults})
    await lab.elapse(30)
    new = await proxy(lab, "new")
    assert (recorded(lab, old), recorded(lab, new)) == (("p-it", "p-"), ("q-new", "q-"))
    assert lab.ready(old) == GOOD, lab.message(old)
    assert names(lab) == ["p-it", "q-new"]


async def test_another_account_of_the_cloud_account_renames_nothing() -> None:
    lab = await lab_with("p-")
    key = await proxy(lab)
    defaults = {"namePrefix": "o-", "formerNamePrefixes": ["p-"]}
    lab.cluster.apply("Account", "other", account_spec("account-keys", defaults=defaults))
    await lab.elapse(5)
    lab.edit(key, accountRef={"name": "other"})
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert (recorded(lab, key), names(lab)) == (("p-it", "p-"), ["p-it"])


async def test_what_waits_for_a_name_hears_of_the_prefix() -> None:
    lab = await lab_with(None)
    lab.cluster.apply("Account", "other", account_spec("account-keys"))
    lacking = {"endpoints": [{"modelServiceRef": {"name": "none"}, "modelNames": ["x"]}]}
    older = lab.cluster.apply("ModelProxy", "it", {**PROXY, **lacking})
    lab.clock.advance(2)
    named = {"externalName": "it", "accountRef": {"name": "other"}}
    younger = lab.cluster.apply("ModelProxy", "younger", {**PROXY, **named})
    await lab.elapse(20)
    assert (lab.ready(older)[1], lab.ready(younger)) == ("ReferenceNotFound", CONFLICT)
    name(lab, "p-")
    # At once: the edit is no event of the older one, nor of the younger one's account.
    await lab.elapse(1)
    assert names(lab) == ["it"]
    assert lab.ready(younger) != CONFLICT


async def test_a_name_about_to_be_on_record_is_kept_for_its_taker() -> None:
    lab = await lab_with("p-")
    lab.cluster.apply("Account", "other", account_spec("account-keys"))
    await lab.elapse(5)
    lacking = {"endpoints": [{"modelServiceRef": {"name": "none"}, "modelNames": ["x"]}]}
    one = lab.cluster.apply("ModelProxy", "it", {**PROXY, **lacking})
    named = {"externalName": "p-it", "accountRef": {"name": "other"}}
    two = lab.cluster.apply("ModelProxy", "two", {**PROXY, **lacking, **named})
    await lab.elapse(5)
    cache, rest = lab.world.cache, lab.kinds["ModelProxy"].rest
    taker, other = cache.get(one), cache.get(two)
    assert taker is not None
    assert other is not None
    assert rest is not None
    claims, binding = Claims(lab.world), await lab.world.accounts.bind(other)
    # Race: the prefix changes while the status that announces the create is being written.
    with claims.taking(taker, None):
        name(lab, "q-")
        lab.deliver()
        assert [o.key for o in cache.claimants("ModelProxy", "p-it")] == [two]
        assert await claims.conflict(other, rest, binding) is not None
    assert await claims.conflict(other, rest, binding) is None


async def test_a_name_that_is_none_is_told_with_its_remedy() -> None:
    lab = await lab_with("{namespace}-" * 5)
    key = lab.cluster.apply("ModelProxy", "a-name-of-more-than-thirty-signs", PROXY)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.condition(key, "Stalled") == ("True", "InvalidParameter")
    message = lab.message(key)
    assert "spec.defaults.namePrefix of Account team-a/default" in message
    assert "it must match ^" in message
    assert "set spec.externalName" in message
    assert lab.writes_to_cloud() == []
    name(lab, "{namespace}-")
    await lab.elapse(30)
    assert lab.ready(key) == GOOD
    assert names(lab) == ["team-a-a-name-of-more-than-thirty-signs"]


async def test_what_exists_is_not_asked_for_a_better_name() -> None:
    lab = await lab_with(None)
    key = await proxy(lab, "a-name-of-more-than-thirty-signs")
    name(lab, "{namespace}-" * 5)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


async def test_an_observer_stays_with_the_prefixed_name() -> None:
    lab = await lab_with("p-")
    await proxy(lab, "maker", externalName="p-it")
    key = await proxy(lab, managementPolicy="Observe")
    assert recorded(lab, key) == ("p-it", "p-")
    name(lab, "q-")
    await lab.elapse(60)
    assert lab.ready(key) == GOOD
    assert recorded(lab, key) == ("p-it", "p-")


async def test_an_adopted_resource_is_found_by_the_prefixed_name() -> None:
    lab = await lab_with("p-")
    keeper = await proxy(lab, "maker", externalName="p-it", deletionPolicy="Retain")
    lab.cluster.delete(keeper)
    await lab.elapse(10)
    key = await proxy(lab)
    assert lab.get(key).status["adopted"] is True
    assert (recorded(lab, key), names(lab)) == (("p-it", "p-"), ["p-it"])


@pytest.mark.parametrize("kind", ["AgentRuntimeEndpoint", "CustomDomain", "Sandbox"])
async def test_what_shares_no_name_with_others_takes_no_prefix(kind: str) -> None:
    sample = SAMPLES[kind]
    lab = await lab_with("p-")
    await sample.prepare(lab)
    spec = {n: v for n, v in sample.spec.items() if n != "externalName"}
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert "namePrefix" not in lab.get(key).status
    assert lab.get(key).status.get("externalName") in (None, "it")


async def test_what_refers_to_it_sends_the_prefixed_name() -> None:
    lab = await lab_with("p-")
    sample = SAMPLES["Credential"]
    await sample.prepare(lab)
    lab.cluster.apply("Credential", "key", sample.spec)
    runtime = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "credentialRef": {"name": "key"}})
    await lab.elapse(40)
    assert lab.ready(runtime) == GOOD, lab.message(runtime)
    [found] = lab.resources("AgentRuntime")
    assert (found["agentRuntimeName"], found["credentialName"]) == ("p-it", "p-key")


async def test_a_record_under_a_prefix_lends_to_its_namespace() -> None:
    lab = await shared_lab()
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    await a_runtime(lab, "agent")
    assert names(lab, "AgentRuntime") == ["team-a-agent"]
    observing = {"managementPolicy": "Observe", "externalName": "team-a-agent"}
    spec = {**PLAIN_RUNTIME, **REF, **observing}
    seen = lab.cluster.apply("AgentRuntime", "view", spec, namespace="team-a")
    await lab.elapse(30)
    assert lab.ready(seen) == GOOD, lab.message(seen)

"""Names in AgentRun that only a status tells of: nobody's resource is touched for them."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import PLAIN_RUNTIME, REF, SHARED, shared_lab
from engine.specs import CREDENTIAL, PROXY, SAMPLES, TEMPLATE, Sample, ids, made
from engine.test_name_prefixes import DEFAULT, GOOD, lab_with, name, names, proxy
from fakes.lab import Lab, account_spec

DOUBTED = ("False", "ImmutableFieldChanged")
BLOCKED = ("False", "DeletionBlocked")
THEIRS = "team-b-it"


def _kinds() -> list[str]:
    lab = Lab()
    return [kind for kind in SAMPLES if lab.kinds[kind].takes_prefix]


kinds = pytest.mark.parametrize("kind", _kinds())
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
lives = pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])


async def with_a_stranger(sample: Sample) -> tuple[Lab, ObjectKey, str]:
    """Return a lab with an object `it`, and a resource of nobody here: its name ends like that."""
    lab = await lab_with("p-")
    await sample.prepare(lab)
    spec = {**sample.spec, "externalName": THEIRS, "deletionPolicy": "Retain"}
    former = lab.cluster.apply(sample.kind, "former", spec)
    await lab.elapse(30)
    ident = lab.get(former).external_id
    assert ident
    lab.cluster.delete(former)
    await lab.elapse(10)
    key = lab.cluster.apply(sample.kind, "it", {**sample.spec, "adoptionPolicy": "Never"})
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    rest = lab.kinds[sample.kind].rest
    assert rest is not None
    if rest.tags_field is not None:
        # Of such a resource not even a mark says whose it is.
        lab.simulator.edit(sample.family, ident, {rest.tags_field: []})
    return lab, key, ident


def forge(lab: Lab, key: ObjectKey, ident: str, prefix: str = "team-b-") -> None:
    told = {"externalId": ident, "externalName": THEIRS, "namePrefix": prefix}
    lab.cluster.put_status(key, {**lab.get(key).status, **told})


def templates(lab: Lab) -> list[str]:
    return sorted(str(r["templateName"]) for r in made(lab, SAMPLES["SandboxTemplate"]))


def their(lab: Lab, sample: Sample) -> dict[str, Any]:
    field = lab.kinds[sample.kind].rest
    assert field is not None
    [found] = [r for r in made(lab, sample) if r[field.name_field or ""] == THEIRS]
    return found


@restarts
@lives
@kinds
async def test_a_forged_prefix_has_nothing_deleted(
    kind: str, *, restarted: bool, at_once: bool
) -> None:
    sample = SAMPLES[kind]
    lab, key, ident = await with_a_stranger(sample)
    before = their(lab, sample)
    forge(lab, key, ident)
    if restarted:
        lab.restart()
    if not at_once:
        lab.edit(key, description="edited")
        await lab.elapse(100)
    lab.cluster.delete(key)
    await lab.elapse(100)
    assert their(lab, sample) == before
    gone = lab.cluster.raw(key) is None
    assert gone or lab.ready(key) == BLOCKED
    # A process that had the resource in an answer knows better than any status.
    assert gone is not restarted
    assert len(ids(lab, sample)) == 1 + restarted


@restarts
async def test_a_forged_prefix_is_told_and_nothing_sent(*, restarted: bool) -> None:
    lab, key, ident = await with_a_stranger(SAMPLES["ModelProxy"])
    lab.restart()
    forge(lab, key, ident)
    if restarted:
        lab.restart()
    lab.calls.take()
    lab.edit(key, description="edited")
    await lab.elapse(100)
    assert lab.ready(key) == DOUBTED
    assert lab.condition(key, "Stalled") == ("True", "ImmutableFieldChanged")
    for word in (
        "named 'team-b-it'",
        "'team-b-' to spec.defaults.formerNamePrefixes of Account team-a/default",
        "spec.externalName to 'team-b-it'",
    ):
        assert word in lab.message(key)
    assert [name for name in lab.calls.names if name.endswith("ModelProxy")] == []
    # The record is left as it is, or nothing would tell of the resource once the prefix is known.
    assert lab.get(key).status["namePrefix"] == "team-b-"


async def test_a_pin_to_another_account_proves_no_prefix() -> None:
    """An Account that the tenant writes down says any prefix; the calls go to the shared one."""
    lab = await shared_lab()
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    spec = {**TEMPLATE, **REF}
    victim = lab.cluster.apply("SandboxTemplate", "it", spec, namespace="team-b")
    key = lab.cluster.apply("SandboxTemplate", "it", spec, namespace="team-a")
    await lab.elapse(30)
    assert templates(lab) == ["team-a-it", THEIRS]
    ident = lab.get(victim).external_id
    assert ident
    lab.cluster.vanish(victim)
    await lab.elapse(5)
    lab.cluster.apply("Account", "mine", account_spec("none", defaults={"namePrefix": "team-b-"}))
    await lab.elapse(5)
    forge(lab, key, ident)
    status = lab.get(key).status
    pin = {**status["account"], "kind": "Account", "name": "mine"}
    lab.cluster.put_status(key, {**status, "account": pin})
    lab.restart()
    await lab.elapse(60)
    lab.cluster.delete(key)
    await lab.elapse(100)
    assert THEIRS in templates(lab)


@restarts
@kinds
async def test_an_account_made_anew_has_to_know_the_prefix(kind: str, *, restarted: bool) -> None:
    sample = SAMPLES[kind]
    lab = await lab_with("p-")
    await sample.prepare(lab)
    key = lab.cluster.apply(kind, "it", sample.spec)
    await lab.elapse(30)
    spec = lab.get(DEFAULT).spec
    lab.cluster.vanish(DEFAULT)
    await lab.elapse(5)
    if restarted:
        lab.restart()
    lab.cluster.apply("Account", "default", {**spec, "defaults": {"namePrefix": "q-"}})
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(100)
    assert lab.ready(key) == DOUBTED, lab.message(key)
    assert lab.writes_to_cloud(since) == []
    lab.cluster.delete(key)
    await lab.elapse(60)
    rest = lab.kinds[kind].rest
    assert rest is not None
    if rest.tags_field is not None:
        # A mark proves more than any name.
        assert lab.cluster.raw(key) is None
        assert made(lab, sample) == []
        return
    assert lab.ready(key) == BLOCKED
    assert '{"spec":{"deletionPolicy":"Retain"}}' in lab.message(key)
    assert lab.writes_to_cloud(since) == []
    lab.edit(DEFAULT, defaults={"namePrefix": "q-", "formerNamePrefixes": ["p-"]})
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None, lab.message(key)
    assert made(lab, sample) == []


@restarts
async def test_the_spec_may_say_the_name_itself(*, restarted: bool) -> None:
    lab = await lab_with("p-")
    key, spec = await proxy(lab), lab.get(DEFAULT).spec
    lab.cluster.vanish(DEFAULT)
    await lab.elapse(5)
    if restarted:
        lab.restart()
    lab.cluster.apply("Account", "default", {**spec, "defaults": {}})
    await lab.elapse(60)
    assert lab.ready(key) == DOUBTED
    lab.edit(key, externalName="p-it")
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert names(lab) == ["p-it"]
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert names(lab) == []


async def test_what_is_in_doubt_is_given_up_by_retaining_it() -> None:
    lab, key, ident = await with_a_stranger(SAMPLES["ModelProxy"])
    forge(lab, key, ident)
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.ready(key) == BLOCKED
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert names(lab) == ["p-it", THEIRS]


@restarts
async def test_a_forged_announcement_takes_no_name(*, restarted: bool) -> None:
    lab = await lab_with("p-")
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "endpoints": [
        {"modelServiceRef": {"name": "none"}, "modelNames": ["x"]}
    ]})  # fmt: skip
    await lab.elapse(20)
    mark = {"startedAt": "2026-01-05T09:00:00Z", "generation": 1}
    told = {"creation": mark, "namePrefix": "team-b-", "observedGeneration": 1}
    lab.cluster.put_status(key, {**lab.get(key).status, **told})
    if restarted:
        lab.restart()
    lab.edit(key, endpoints=PROXY["endpoints"])
    await lab.elapse(100)
    assert lab.ready(key) == DOUBTED
    assert names(lab) == []


@restarts
async def test_an_owner_keeps_its_name_against_a_forged_record(*, restarted: bool) -> None:
    lab = await shared_lab()
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    spec = {**TEMPLATE, **REF}
    # The older one: by age alone it would come first.
    key = lab.cluster.apply("SandboxTemplate", "it", spec, namespace="team-a")
    await lab.elapse(30)
    victim = lab.cluster.apply("SandboxTemplate", "it", spec, namespace="team-b")
    await lab.elapse(30)
    assert lab.ready(victim) == GOOD
    ident = lab.get(victim).external_id
    assert ident
    forge(lab, key, ident)
    if restarted:
        lab.restart()
    lab.edit(victim, description="second")
    await lab.elapse(60)
    assert lab.ready(victim) == GOOD, lab.message(victim)
    lab.cluster.delete(key)
    await lab.elapse(60)
    lab.edit(victim, description="third")
    await lab.elapse(60)
    assert lab.ready(victim) == GOOD, lab.message(victim)
    assert THEIRS in templates(lab)


@restarts
async def test_a_forged_record_lends_nothing(*, restarted: bool) -> None:
    lab = await shared_lab()
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    theirs = lab.cluster.apply("Credential", "it", {**CREDENTIAL, **REF}, namespace="team-b")
    mine = lab.cluster.apply("Credential", "it", {**CREDENTIAL, **REF}, namespace="team-a")
    users = {}
    for user, by in (("far", {"externalName": THEIRS}), ("near", {"name": "it"})):
        spec = {**PLAIN_RUNTIME, **REF, "credentialRef": by}
        users[user] = lab.cluster.apply("AgentRuntime", user, spec)
    await lab.elapse(30)
    ident = lab.get(theirs).external_id
    assert ident
    lab.cluster.vanish(theirs)
    await lab.elapse(5)
    forge(lab, mine, ident)
    if restarted:
        lab.restart()
    for key in users.values():
        lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(users["far"]) == ("False", "NotGranted"), lab.message(users["far"])
    sent = [r["body"].get("credentialName") for r in lab.cloud_writes() if "Runtime" in r["action"]]
    assert "team-a-it" in sent
    assert THEIRS not in sent


async def test_a_pin_to_another_account_lends_no_name() -> None:
    lab = await shared_lab()
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    theirs = lab.cluster.apply("Credential", "it", {**CREDENTIAL, **REF}, namespace="team-b")
    mine = lab.cluster.apply("Credential", "it", {**CREDENTIAL, **REF}, namespace="team-a")
    spec = {**PLAIN_RUNTIME, **REF, "credentialRef": {"name": "it"}}
    user = lab.cluster.apply("AgentRuntime", "user", spec, namespace="team-a")
    await lab.elapse(30)
    ident = lab.get(theirs).external_id
    assert ident
    lab.cluster.vanish(theirs)
    lab.cluster.apply("Account", "mine", account_spec("none", defaults={"namePrefix": "team-b-"}))
    await lab.elapse(5)
    forge(lab, mine, ident)
    status = lab.get(mine).status
    pin = {**status["account"], "kind": "Account", "name": "mine"}
    lab.cluster.put_status(mine, {**status, "account": pin})
    lab.restart()
    lab.edit(user, description="second")
    await lab.elapse(60)
    sent = [r["body"].get("credentialName") for r in lab.cloud_writes() if "Runtime" in r["action"]]
    assert "team-a-it" in sent
    assert THEIRS not in sent

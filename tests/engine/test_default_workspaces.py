"""`spec.defaults.workspace` of an account: where a create puts what names no workspace."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import GOOD, SHARED, apply, refuses, shared_lab
from engine.specs import SAMPLES, TEMPLATE
from engine.test_recovery import crash_after
from engine.test_workspaces import PLACED
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")


async def lab_with(ident: str | None = "ws-1") -> Lab:
    lab = Lab()
    lab.cluster.put_secret("account-keys", keys_of(MAIN))
    lab.cluster.apply("Account", "default", account_spec("account-keys"))
    place(lab, ident)
    await lab.elapse(5)
    return lab


def place(lab: Lab, ident: str | None, account: ObjectKey = DEFAULT) -> None:
    lab.edit(account, defaults=None if ident is None else {"workspace": {"id": ident}})


async def made(lab: Lab, kind: str = "SandboxTemplate", **more: Any) -> ObjectKey:
    key = lab.cluster.apply(kind, "it", {**SAMPLES[kind].spec, **more})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    return key


def where(lab: Lab, key: ObjectKey) -> str | None:
    found = lab.get(key).status["atProvider"].get("workspaceId")
    return None if found is None else str(found)


@pytest.mark.parametrize("kind", PLACED)
async def test_every_kind_that_lives_in_one_is_put_there(kind: str) -> None:
    lab = await lab_with()
    await SAMPLES[kind].prepare(lab)
    key = await made(lab, kind)
    assert where(lab, key) == "ws-1"
    lab.restart()
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(200)
    assert lab.ready(key) == GOOD
    assert lab.writes_to_cloud(since) == []


@pytest.mark.parametrize(
    "own", [{"workspace": {"id": "ws-2"}}, {"workspaceRef": {"externalName": "ws-2"}}]
)
async def test_the_object_comes_before_its_account(own: dict[str, Any]) -> None:
    lab = await lab_with()
    assert where(lab, await made(lab, **own)) == "ws-2"


async def test_without_a_default_agentrun_chooses() -> None:
    lab = await lab_with(None)
    key = await made(lab)
    [sent] = [r for r in lab.simulator.requests() if r["action"] == "CreateTemplate"]
    assert "workspaceId" not in sent["body"]
    assert where(lab, key) not in ("ws-1", "ws-2")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("before", "after"), [(None, "ws-1"), ("ws-1", None), ("ws-1", "ws-2")])
async def test_what_exists_stays_where_it_is(
    before: str | None, after: str | None, *, restarted: bool
) -> None:
    lab = await lab_with(before)
    key = await made(lab)
    there = where(lab, key)
    lab.calls.take()
    place(lab, after)
    if restarted:
        lab.restart()
    await lab.elapse(400)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.calls.names.count("write_status") == 1, "one for the account"
    lab.edit(key, description="second")
    await lab.elapse(30)
    [found] = lab.resources("Template")
    assert (found["workspaceId"], found["description"]) == (there, "second")


async def test_what_is_adopted_stays_where_it_is() -> None:
    lab = await lab_with("ws-1")
    lab.cluster.delete(await made(lab, deletionPolicy="Retain"))
    await lab.elapse(10)
    place(lab, "ws-2")
    key = await made(lab)
    assert lab.get(key).status["adopted"] is True
    assert where(lab, key) == "ws-1"


async def test_what_is_made_anew_goes_where_the_account_says_now() -> None:
    lab = await lab_with("ws-1")
    key = await made(lab)
    place(lab, "ws-2")
    lab.simulator.remove("Template", "it")
    await lab.elapse(300)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert where(lab, key) == "ws-2"


@pytest.mark.parametrize("kind", ["SandboxTemplate", "AgentRuntime", "Credential", "ModelProxy"])
@pytest.mark.parametrize("after", [1, 2, 3, 4, 5, 6])
async def test_a_lost_create_is_recognised_in_the_former_workspace(kind: str, after: int) -> None:
    lab = await lab_with("ws-1")
    await SAMPLES[kind].prepare(lab)
    key = lab.cluster.apply(kind, "it", SAMPLES[kind].spec)
    await crash_after(lab, after)
    place(lab, "ws-2")
    lab.restart()
    await lab.elapse(200)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["adopted"] is False
    rest = lab.kinds[kind].rest
    assert rest is not None
    mine = [r for r in lab.resources(SAMPLES[kind].family) if r[rest.name_field or ""] == "it"]
    assert [r["workspaceId"] for r in mine] == [where(lab, key)], "one, and not a second elsewhere"
    assert where(lab, key) in ("ws-1", "ws-2")


async def test_what_goes_over_is_made_anew_where_its_account_says() -> None:
    lab = await lab_with()
    other = lab.cluster.apply("Account", "other", account_spec("account-keys"))
    place(lab, "ws-2", other)
    key = await made(lab)
    lab.simulator.remove("Template", "it")
    lab.edit(key, accountRef={"name": "other"})
    await lab.elapse(120)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert where(lab, key) == "ws-2"


async def test_the_accounts_owner_has_granted_it() -> None:
    lab = await shared_lab()
    place(lab, "ws-1", SHARED)
    await lab.elapse(5)
    key = await apply(lab, "SandboxTemplate", "b", TEMPLATE)
    assert (lab.ready(key), where(lab, key)) == (GOOD, "ws-1")
    asking = {**TEMPLATE, "workspace": {"id": "ws-1"}}
    other = await apply(lab, "SandboxTemplate", "asking", asking)
    assert refuses(lab, other, "workspaces", "spec.workspace.id", "ws-1")


@pytest.mark.parametrize("own", [{}, {"workspace": {"id": "ws-none"}}])
async def test_a_default_that_is_not_there_is_told_with_its_origin(own: dict[str, Any]) -> None:
    lab = await lab_with("ws-none")
    lab.simulator.configure({"switches": {"checkReferences": True}})
    key = lab.cluster.apply("SandboxTemplate", "it", {**TEMPLATE, **own})
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "ReferenceNotFound"), lab.message(key)
    origin = "spec.defaults.workspace.id of Account team-a/default is 'ws-none'"
    assert (origin in lab.message(key)) is not bool(own)
    place(lab, None)
    lab.edit(key, description="again")
    await lab.elapse(60)
    assert (lab.ready(key) == GOOD) is not bool(own)

"""An account that answers "absent" for everything: nothing is created, and nothing let go of."""

from typing import Any

from integration.fleet import BELOW, FAMILIES, Tenant, family_of_each
from integration.test_engine_copies import nobody_runs
from rig import Rig
from rig.waiting import condition

REASON = "MassAbsence"
ACCOUNT = ("Account", "default")
EVERYTHING = f"{len(FAMILIES)} of {len(FAMILIES)} resources"


def names(tenant: Tenant) -> list[tuple[str, str]]:
    return [(each["kind"], each["metadata"]["name"]) for each in tenant.objects()]


def told(tenant: Tenant) -> list[tuple[str, str, str]]:
    """Return kind, type and reason of every event that tells of it."""
    items = tenant.view.read(f"/api/v1/namespaces/{tenant.namespace}/events")["items"]
    found = [e for e in items if e["reason"] == REASON]
    return [(e["involvedObject"]["kind"], e["type"], e["reason"]) for e in found]


def since(tenant: Tenant) -> str:
    account: dict[str, Any] = tenant.get(*ACCOUNT)
    return str(account["status"]["massAbsence"]["since"])


def wait_told(tenant: Tenant) -> None:
    tenant.wait_reason(*ACCOUNT, REASON, says=EVERYTHING)
    for each in names(tenant):
        tenant.wait_reason(*each, REASON, says=EVERYTHING)


def test_an_emptied_account_is_neither_filled_nor_let_go_of(fleet: Rig, tenant: Tenant) -> None:
    """All looks are wrong for a while; a restart, a deletion and a new object come meanwhile."""
    tenant.apply(*family_of_each())
    tenant.wait_ready()
    before, position = tenant.resources(), tenant.rig.cloud.position()
    tenant.fault("absent", action=".*", times=None)
    try:
        wait_told(tenant)
        started = since(tenant)
        with nobody_runs(fleet):
            tenant.delete("ModelProxy", "proxy")
            tenant.apply(*family_of_each("-new")[:1])
        tenant.wait(
            lambda: condition(tenant.get("ModelProxy", "proxy"), "Ready")["status"] == "False",
            "the deletion to be told of",
        )
        tenant.wait_reason("ModelProxy", "proxy", REASON)
        tenant.wait_reason("Credential", "cred-new", "DependencyNotReady", says=REASON)
        assert condition(tenant.get(*ACCOUNT), "Stalled")["reason"] == REASON
        assert condition(tenant.get("AgentRuntime", "rt"), "Ready")["status"] == "Unknown"
        assert since(tenant) == started
        assert tenant.cloud_writes(since=position) == []
        assert told(tenant) == [("Account", "Warning", REASON)]
    finally:
        fleet.cloud.clear_faults()
    tenant.wait_gone(("ModelProxy", "proxy"))
    tenant.wait_ready()
    assert "massAbsence" not in tenant.get(*ACCOUNT)["status"]
    after = tenant.resources()
    assert "ModelProxy" not in after
    assert [e["credentialName"] for e in after["Credential"]] == ["cred", "cred-new"]
    for family in set(before) - {"ModelProxy", "Credential"}:
        assert len(after[family]) == len(before[family]), family


def test_it_goes_on_by_word(tenant: Tenant) -> None:
    """They are gone for good, and somebody says so: they are made again, each of them once."""
    tenant.apply(*family_of_each())
    tenant.wait_ready()
    before = {family: len(items) for family, items in tenant.resources().items()}
    for kind, name in names(tenant):
        if kind not in BELOW:  # gone with their parents
            tenant.remove(kind, name)
    wait_told(tenant)
    assert tenant.resources() == {}
    tenant.annotate(*ACCOUNT, "accept-absence", since(tenant))
    tenant.wait_ready()
    assert {family: len(items) for family, items in tenant.resources().items()} == before

"""What an object's policies and annotations ask for is what happens to its resource."""

from typing import Any

from fakes.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus
from integration.fleet import Tenant, family_of_each, template
from rig.official import models, official_client
from rig.waiting import condition

TEMPLATE = "SandboxTemplate"
FINALIZER = "agentrun.dev/cleanup"


def _somebody(tenant: Tenant) -> Any:
    """Return the official client, for what other people do in the account."""
    return official_client(tenant.rig.cloud.url, tenant.account)


def _their_template(tenant: Tenant, name: str) -> None:
    body = models.CreateTemplateInput().from_map(
        {"templateName": name, "templateType": "CodeInterpreter", "cpu": 2, "memory": 4096}
        | {"diskSize": 512, "networkConfiguration": {"networkMode": "PUBLIC"}}
    )
    _somebody(tenant).create_template(models.CreateTemplateRequest(body=body))


def _names(tenant: Tenant, family: str = "Template") -> set[str]:
    return {str(each["templateName"]) for each in tenant.resources().get(family, [])}


def test_retain_leaves_the_resource(tenant: Tenant) -> None:
    """All kinds: the objects go without a call that would change anything."""
    objects = family_of_each()
    for each in objects:
        each["spec"]["deletionPolicy"] = "Retain"
    tenant.apply(*objects)
    tenant.wait_ready()
    before, since = tenant.resources(), tenant.rig.cloud.position()
    for each in objects:
        tenant.delete(each["kind"], each["metadata"]["name"])
    tenant.wait_gone()
    assert tenant.resources() == before
    assert tenant.cloud_writes(since=since) == []


def test_what_exists_is_adopted_if_the_policy_says_so(tenant: Tenant) -> None:
    """Adopt, Never, force; and what was adopted is not deleted unasked."""
    for name in ("taken", "left", "forced", "asked"):
        _their_template(tenant, name)
    tenant.wait(lambda: len(_names(tenant)) == 4, "their templates")
    tenant.apply(
        template("taken", description="ours"),
        template("left", adoptionPolicy="Never"),
        template("forced", adoptionPolicy="Never", description="ours"),
        template("asked", deletionPolicy="Delete"),
    )
    tenant.wait_ready((TEMPLATE, "taken"), (TEMPLATE, "asked"))
    assert tenant.get(TEMPLATE, "taken")["status"]["adopted"] is True
    assert tenant.resource(TEMPLATE, "taken")["description"] == "ours"
    for name in ("left", "forced"):
        tenant.wait_reason(TEMPLATE, name, "AlreadyExistsNotOwned", says="adoptionPolicy")
        assert kstatus(tenant.get(TEMPLATE, name)) == FAILED
    tenant.annotate(TEMPLATE, "forced", "adopt", "force")
    tenant.wait_ready((TEMPLATE, "forced"))
    assert tenant.resource(TEMPLATE, "forced")["description"] == "ours"

    assert len([w for w in tenant.requests(action="CreateTemplate") if w["status"] == 200]) == 4
    for name in ("taken", "left", "forced", "asked"):
        tenant.delete(TEMPLATE, name)
    tenant.wait_gone()
    assert _names(tenant) == {"taken", "left", "forced"}


def test_observe_reads_and_nothing_else(tenant: Tenant) -> None:
    """Missing, there, changed, and the object deleted: no write, no finalizer."""
    tenant.apply(template("seen", managementPolicy="Observe", description="wanted"))
    tenant.wait_reason(TEMPLATE, "seen", "ExternalResourceMissing")
    assert kstatus(tenant.get(TEMPLATE, "seen")) == IN_PROGRESS
    _their_template(tenant, "seen")
    tenant.wait_ready()
    tenant.tamper(TEMPLATE, "seen", {"status": "UPDATE_FAILED", "statusReason": "no such bucket"})
    # Its reason stays sealed: it may quote values that somebody else gave the resource.
    tenant.wait_reason(TEMPLATE, "seen", "ProviderFailed", says="UPDATE_FAILED")
    assert "no such bucket" not in str(tenant.get(TEMPLATE, "seen"))
    tenant.tamper(TEMPLATE, "seen", {"status": "READY", "statusReason": ""})
    tenant.wait_ready()
    assert "finalizers" not in tenant.get(TEMPLATE, "seen")["metadata"]
    tenant.delete(TEMPLATE, "seen")
    tenant.wait_gone()
    assert [each["action"] for each in tenant.cloud_writes()] == ["CreateTemplate"]  # theirs
    assert _names(tenant) == {"seen"}


def test_paused_objects_are_left_alone_until_unpaused(tenant: Tenant) -> None:
    """An edit waits, unobserved; a deletion does not."""
    tenant.apply(template("paused", description="one"), template("going"))
    tenant.wait_ready()
    for name in ("paused", "going"):
        tenant.annotate(TEMPLATE, name, "paused", "true")

    def are_paused() -> bool:
        return all(condition(tenant.get(TEMPLATE, n), "Paused") for n in ("paused", "going"))

    tenant.wait(are_paused, "both to be Paused")
    assert kstatus(tenant.get(TEMPLATE, "paused")) == CURRENT
    since = tenant.rig.cloud.position()
    tenant.edit(TEMPLATE, "paused", description="two")
    tenant.tamper(TEMPLATE, "paused", {"description": "tampered"})
    tenant.delete(TEMPLATE, "going")
    tenant.wait_gone((TEMPLATE, "going"))
    paused = tenant.get(TEMPLATE, "paused")
    assert paused["status"]["observedGeneration"] == paused["metadata"]["generation"] - 1
    assert [each["method"] for each in tenant.cloud_writes(since=since)] == ["DELETE"]
    assert kstatus(paused) == IN_PROGRESS
    tenant.annotate(TEMPLATE, "paused", "paused", None)
    tenant.wait_ready((TEMPLATE, "paused"))
    assert not condition(tenant.get(TEMPLATE, "paused"), "Paused")
    assert tenant.resource(TEMPLATE, "paused")["description"] == "two"


def test_a_requested_pass_is_made_and_echoed(tenant: Tenant) -> None:
    """It reads the resource itself, and the token appears in the status."""
    tenant.apply(template("tpl"))
    tenant.wait_ready()
    since = tenant.rig.cloud.position()
    tenant.annotate(TEMPLATE, "tpl", "reconcile-requested-at", "2026-01-01T00:00:00Z")

    def echoed() -> bool:
        status = tenant.get(TEMPLATE, "tpl")["status"]
        return bool(status.get("lastRequest") == "2026-01-01T00:00:00Z")

    tenant.wait(echoed, "the token in the status")
    assert "GetTemplate" in {each["action"] for each in tenant.requests(since=since)}
    assert tenant.cloud_writes(since=since) == []


def test_the_older_of_two_claims_wins(tenant: Tenant) -> None:
    """The younger says who is older, touches nothing, and takes over when that one is gone."""
    tenant.apply(template("older", externalName="shared", description="older"))
    tenant.wait_ready()
    tenant.apply(template("shared", description="younger"))
    tenant.wait_reason(TEMPLATE, "shared", "ExternalNameConflict", says="/older")
    assert kstatus(tenant.get(TEMPLATE, "shared")) == FAILED
    assert tenant.resource(TEMPLATE, "shared")["description"] == "older"
    assert len(tenant.cloud_writes()) == 1
    tenant.delete(TEMPLATE, "older")
    tenant.wait_ready((TEMPLATE, "shared"))
    assert tenant.resource(TEMPLATE, "shared")["description"] == "younger"


def test_a_sandbox_is_brought_to_the_wanted_state(tenant: Tenant) -> None:
    """Paused, running again, and stopped for good."""
    objects = [each for each in family_of_each() if each["kind"] in (TEMPLATE, "Sandbox")]
    objects[0]["spec"].pop("credentialRef")
    tenant.apply(*objects)
    tenant.wait_ready()
    for wanted, state in (("Paused", "PAUSED"), ("Running", "READY")):
        tenant.edit("Sandbox", "box", desiredState=wanted)
        tenant.wait_ready(("Sandbox", "box"))
        assert tenant.resource("Sandbox", "box")["status"] == state
    tenant.edit("Sandbox", "box", desiredState="Stopped")
    tenant.wait_reason("Sandbox", "box", "Completed")
    assert kstatus(tenant.get("Sandbox", "box")) == CURRENT
    assert "Sandbox" not in tenant.resources()

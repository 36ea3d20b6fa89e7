"""Every situation as its readers see it: Ready's reason, Reconciling, Stalled, and kstatus."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fakes.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING, kstatus
from integration.cluster_view import Version
from integration.conftest import TenantFactory
from integration.fleet import (
    Tenant,
    credential,
    endpoint,
    runtime,
    service,
    template,
)
from rig.waiting import condition

TEMPLATE = "SandboxTemplate"


TOLD = (
    "Creating",
    "Created",
    "Available",
    "Updated",
    "Updating",
    "DriftCorrected",
    "Deleting",
    "Deleted",
)
"""Of what passes by: each transition of Ready and each deed, and what was said before not again."""


@dataclass(frozen=True)
class Seen:
    """What a reader makes of one version of an object."""

    ready: str
    reason: str
    reconciling: bool
    stalled: bool
    kstatus: str


def seen(body: dict[str, Any]) -> Seen:
    ready = condition(body, "Ready")
    return Seen(
        ready["status"],
        ready["reason"],
        condition(body, "Reconciling").get("status") == "True",
        condition(body, "Stalled").get("status") == "True",
        kstatus(body),
    )


def working(reason: str) -> Seen:
    """Under way: no reader may give up, none may go on."""
    return Seen("False", reason, reconciling=True, stalled=False, kstatus=IN_PROGRESS)


def failed(reason: str) -> Seen:
    """Only a human helps: readers fail fast."""
    return Seen("False", reason, reconciling=False, stalled=True, kstatus=FAILED)


HEALTHY = Seen("True", "Available", reconciling=False, stalled=False, kstatus=CURRENT)
UNSEEN = Seen("Unknown", "Pending", reconciling=False, stalled=False, kstatus=IN_PROGRESS)


def going(reason: str) -> Seen:
    """Asked to go."""
    return Seen("False", reason, reconciling=False, stalled=False, kstatus=TERMINATING)


def _history(versions: list[Version], name: str) -> Iterator[Seen]:
    """Return what a reader saw of an object over time, repetitions left out."""
    last = None
    for version in versions:
        if version.body["metadata"]["name"] == name and version.event != "DELETED":
            now = seen(version.body)
            if now != last:
                yield now
            last = now


def _events(tenant: Tenant, name: str) -> list[tuple[str, str]]:
    """Return type and reason of an object's events, in order."""
    items = tenant.view.read(f"/api/v1/namespaces/{tenant.namespace}/events")["items"]
    ours = [each for each in items if each["involvedObject"]["name"] == name]
    ours.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
    return [(each["type"], each["reason"]) for each in ours]


def _bring_about(tenant: Tenant) -> None:
    """Let every lasting situation begin, each for an object of its own."""
    tenant.fault("create-failed", action="CreateTemplate", name="create-failed")
    tenant.fault("slow", action="CreateTemplate", name="creating", seconds=3600)
    tenant.fault("error", name="unavailable", status=503, times=None)
    tenant.fault(
        "error", name="invalid", action="CreateTemplate", status=400,
        code="ERR_BAD_REQUEST", message="no such region", times=None,
    )  # fmt: skip
    tenant.fault("slow", action="DeleteTemplate", name="deleting", seconds=3600)
    tenant.fault("slow", action="CreateAgentRuntime", name="unready", seconds=3600)
    tenant.apply(
        *(
            template(name)
            for name in ("healthy", "create-failed", "creating", "unavailable", "invalid")
        ),
        template("deleting"),
        template("held"),
        template("report", description="wanted", driftPolicy="Report"),
        template("ignore", description="wanted", driftPolicy="Ignore"),
        service("missing", credentialRef={"name": "nowhere"}),
        runtime("unready", deletionPolicy="Retain"),
        endpoint("waiting", "unready"),
        credential("cred", purpose="OutboundModel"),
        service("user", credentialRef={"name": "cred"}),
    )
    quick = ("healthy", "deleting", "held", "report", "ignore")
    tenant.wait_ready(*((TEMPLATE, name) for name in quick), ("ModelService", "user"))
    tenant.delete(TEMPLATE, "deleting")
    tenant.delete("Credential", "cred")
    tenant.annotate(TEMPLATE, "held", "paused", "true")
    for name in ("report", "ignore"):
        tenant.tamper(TEMPLATE, name, {"description": "tampered"})


def test_the_table_of_situations(tenant: Tenant) -> None:
    """The lasting ones, all at once."""
    _bring_about(tenant)
    table = {
        (TEMPLATE, "healthy"): HEALTHY,
        (TEMPLATE, "creating"): working("Creating"),
        ("ModelService", "missing"): working("ReferenceNotFound"),
        ("AgentRuntimeEndpoint", "waiting"): working("DependencyNotReady"),
        (TEMPLATE, "unavailable"): working("ProviderUnavailable"),
        (TEMPLATE, "create-failed"): failed("ProviderFailed"),
        (TEMPLATE, "invalid"): failed("InvalidParameter"),
        (TEMPLATE, "report"): failed("DriftDetected"),
        (TEMPLATE, "ignore"): HEALTHY,
        (TEMPLATE, "held"): HEALTHY,
        (TEMPLATE, "deleting"): going("Deleting"),
        ("Credential", "cred"): going("DeletionBlocked"),
    }

    def all_so() -> bool:
        return {key: seen(tenant.get(*key)) for key in table} == table

    tenant.wait(all_so, f"the table to come true: {table}")
    for (kind, name), wanted in table.items():
        body = tenant.get(kind, name)
        if wanted.kstatus in (CURRENT, FAILED):
            assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
        synced = condition(body, "Synced")["status"] == "True"
        assert synced or wanted.ready != "True", body["status"]


def test_what_passes_by_is_told_in_order(tenant: Tenant) -> None:
    """Coming, edited, drifted, going: no reader sees more or less than that."""
    tenant.fault("slow", action="(Create|Update|Delete)Template", seconds=1, times=None)
    tenant.apply(template("tpl", description="one"))
    tenant.wait_ready()
    tenant.edit(TEMPLATE, "tpl", description="two")
    tenant.wait_ready()
    tenant.tamper(TEMPLATE, "tpl", {"description": "tampered"})

    def updates() -> int:
        return list(_history(tenant.versions(), "tpl")).count(working("Updating"))

    tenant.wait(lambda: updates() == 2, "the correction")
    tenant.wait_ready()
    tenant.delete(TEMPLATE, "tpl")
    tenant.wait_gone()
    edited = Seen("True", "Available", reconciling=False, stalled=False, kstatus=IN_PROGRESS)
    asked_to_go = Seen("True", "Available", reconciling=False, stalled=False, kstatus=TERMINATING)
    assert list(_history(tenant.versions(), "tpl")) == [
        UNSEEN,
        working("Creating"),
        HEALTHY,
        edited,
        working("Updating"),
        HEALTHY,
        working("Updating"),
        HEALTHY,
        asked_to_go,
        going("Deleting"),
    ]
    tenant.wait(lambda: ("Normal", "Deleted") in _events(tenant, "tpl"), "the last event")
    assert _events(tenant, "tpl") == [("Normal", reason) for reason in TOLD]


def test_without_an_operator_nothing_looks_done(tenant: Tenant) -> None:
    """A new object and a new edit are both in progress, whoever reads them."""
    tenant.apply(template("old"))
    tenant.wait_ready()
    tenant.rig.stop_operator()
    tenant.apply(template("new"))
    tenant.edit(TEMPLATE, "old", description="edited")
    try:
        assert seen(tenant.get(TEMPLATE, "new")) == UNSEEN
        assert tenant.get(TEMPLATE, "new")["status"]["observedGeneration"] == -1
        assert kstatus(tenant.get(TEMPLATE, "old")) == IN_PROGRESS
    finally:
        tenant.rig.start_operator()
    tenant.wait_ready()


def _wait_for(tenant: Tenant, wanted: Seen) -> None:
    tenant.wait(lambda: seen(tenant.get(TEMPLATE, "tpl")) == wanted, str(wanted))


def test_refusals_of_an_account_are_told_apart(tenants: TenantFactory) -> None:
    """Quota, permission and rate: each in an account of its own, each healed by itself."""
    refusals = (
        (403, "QuotaExceeded.Template", failed("QuotaExceeded")),
        (403, "NoPermission", working("AccessDenied")),
        (429, "Throttling.User", working("Throttled")),
    )
    told = []
    for status, code, wanted in refusals:
        tenant = tenants()
        tenant.wait_ready()
        tenant.fault("error", action="CreateTemplate", status=status, code=code, times=None)
        tenant.apply(template("tpl"))
        told.append((tenant, wanted))
    for tenant, wanted in told:
        _wait_for(tenant, wanted)
        assert tenant.resources() == {}
    told[0][0].rig.cloud.clear_faults()
    for tenant, _ in told:
        # An edit asks at once what the breaker would ask later.
        tenant.edit(TEMPLATE, "tpl", description="edited")
    told[2][0].wait_ready()

"""A backup restored elsewhere, or later: no status takes what is another object's."""

from collections.abc import Iterator
from contextlib import contextmanager

from integration.cluster_view import Body, Key, key_of
from integration.conftest import TenantFactory
from integration.fleet import Tenant, family_of_each
from rig import Rig
from rig.waiting import condition

KEPT = ("labels", "annotations", "finalizers", "name")
"""What of an object's metadata a backup tool restores."""
WAITING = ("ExternalNameConflict", "AlreadyExistsNotOwned", "DependencyNotReady")


def restore(tenant: Tenant, backup: Body) -> Key:
    """Create an object with finalizers, and then write its status, as backup tools do."""
    metadata = {k: v for k, v in backup["metadata"].items() if k in KEPT}
    metadata["namespace"] = tenant.namespace
    kept = {k: backup[k] for k in ("apiVersion", "kind", "spec")}
    key = key_of(tenant.view.create({**kept, "metadata": metadata}))
    tenant.view.write_status(key, backup["status"])
    return key


@contextmanager
def nobody_runs(fleet: Rig) -> Iterator[None]:
    """Stop the operator for a while."""
    fleet.stop_operator()
    try:
        yield
    finally:
        fleet.start_operator()


def original_and_other(tenants: TenantFactory) -> tuple[Tenant, Tenant]:
    """Return a namespace with an object of each kind, and one that shares its account."""
    tenant, other = tenants(), tenants(bare=True)
    tenant.apply(*family_of_each())
    tenant.wait_ready()
    other.account = tenant.account
    other.open()
    other.wait_ready(("Account", "default"))
    return tenant, other


def test_a_copy_of_a_namespace_takes_nothing(fleet: Rig, tenants: TenantFactory) -> None:
    """All kinds, with finalizer and status, into another namespace of the same account."""
    tenant, other = original_and_other(tenants)
    since = fleet.cloud.position()
    with nobody_runs(fleet):
        for each in tenant.objects():
            restore(other, each)

    def all_wait() -> bool:
        found = [condition(each, "Ready").get("reason") for each in other.objects()]
        return set(found) <= set(WAITING)

    other.wait(all_wait, "every copy to wait, or to say whose the resource is")
    assert [each for each in other.objects() if "externalId" in each["status"]] == []
    for each in other.objects():
        other.view.delete(key_of(each))
    other.wait_gone()
    assert tenant.cloud_writes(since=since) == []
    tenant.wait_ready()


def test_a_copy_that_goes_before_anybody_looks_takes_nothing(
    fleet: Rig, tenants: TenantFactory
) -> None:
    """The operator comes back when copies and their deletions are there already."""
    tenant, other = original_and_other(tenants)
    since = fleet.cloud.position()
    with nobody_runs(fleet):
        for each in tenant.objects():
            other.view.delete(restore(other, each))
    other.wait_gone()
    assert tenant.cloud_writes(since=since) == []
    tenant.wait_ready()


def test_an_old_status_is_corrected_and_users_follow(fleet: Rig, tenant: Tenant) -> None:
    """A runtime is made again, its first status comes back, an endpoint is created."""
    objects = {each["kind"]: each for each in family_of_each()}
    tenant.apply(objects["Credential"], objects["AgentRuntime"])
    tenant.wait_ready()

    def ident() -> object:
        return tenant.get("AgentRuntime", "rt")["status"].get("externalId")

    status = tenant.get("AgentRuntime", "rt")["status"]
    # Conditions that go back in time would look like conditions of ours that do.
    old = {name: value for name, value in status.items() if name != "conditions"}
    tenant.remove("AgentRuntime", "rt")
    tenant.annotate("AgentRuntime", "rt", "reconcile-requested-at", "now")
    tenant.wait(lambda: ident() != old["externalId"], "another runtime")
    tenant.wait_ready()
    made = ident()
    with nobody_runs(fleet):
        tenant.view.write_status(("AgentRuntime", tenant.namespace, "rt"), old)
    tenant.wait(lambda: ident() == made, "the record to be corrected")
    tenant.view.write_status(("AgentRuntime", tenant.namespace, "rt"), old)
    tenant.wait(lambda: ident() == made, "the record to be corrected at once")
    tenant.apply(objects["AgentRuntimeEndpoint"])
    tenant.wait_ready()

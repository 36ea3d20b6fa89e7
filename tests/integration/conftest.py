"""Fixtures of the integration tests: real programs, shared by the whole run."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import count

import pytest

from agentrun_operator.core.identity import GROUP
from agentrun_operator.kinds import catalogue
from controlplane import ControlPlane, ensure
from controlplane.binaries import Toolset
from controlplane.releases import chosen
from integration.cluster_view import ClusterView
from integration.fleet import CANARY, Tenant, canary, contradictions, restless
from integration.otlp import Collector, collecting
from rig import CloudAccount, Rig, samples

ACCOUNTS = tuple(CloudAccount(str(20_000 + n), access_key_secret=canary()) for n in range(100))
FLEET_SETTINGS = {
    "AGENTRUN_OPERATOR_IDENTITY": "fleet",  # a restarted container of one Pod need not wait
    "AGENTRUN_OPERATOR_LOG_LEVEL": "debug",  # which must not show a secret either
    "AGENTRUN_OPERATOR_POLL_STEADY_SECONDS": "1",
    "AGENTRUN_OPERATOR_POLL_TRANSITION_SECONDS": "0.4",
    "AGENTRUN_OPERATOR_POLL_DETAIL_SECONDS": "10",
    "AGENTRUN_OPERATOR_RESYNC_SECONDS": "1.5",
    "AGENTRUN_OPERATOR_CREATE_SETTLE_SECONDS": "2",
    "AGENTRUN_OPERATOR_ABSENCE_CONFIRM_SECONDS": "0.4",
    "AGENTRUN_OPERATOR_BACKOFF_CAP_SECONDS": "3",
    "OTEL_BSP_SCHEDULE_DELAY": "200",
}

NAMESPACED = os.environ.get("AGENTRUN_TEST_SCOPE") == "namespaced"
"""Run under the Roles of an install that watches namespaces by name, instead of a ClusterRole."""
TENANT_PREFIX = "fleet-"
KINDS = [f"{kind.plural}.{GROUP}" for kind in catalogue().values() if kind.namespaced]
TENANTS = 48
"""How many namespaces such an install watches; one test uses one, or a few."""

TenantFactory = Callable[..., Tenant]
"""Makes a tenant; `bare=True` leaves its Account and Secrets to the test."""
_numbers = count()


@pytest.fixture(scope="session")
def kubernetes() -> Toolset:
    """Return the release that these tests run on."""
    return chosen(os.environ)


@pytest.fixture(scope="session")
def control_plane(kubernetes: Toolset) -> Iterator[ControlPlane]:
    """Return one Kubernetes control plane; a test cleans up after itself or uses a namespace."""
    with ControlPlane(ensure(kubernetes)) as plane:
        yield plane


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Return who takes the traces of the fleet's operator."""
    with collecting() as taking:
        yield taking


@pytest.fixture(scope="session")
def fleet(control_plane: ControlPlane, collector: Collector) -> Iterator[Rig]:
    """Return one impatient operator and its cloud; whoever ends the operator starts it again.

    At the end: it told no secret, and the chart's roles refused it nothing.
    """
    traces = {"enabled": True, "endpoint": collector.endpoint}
    with Rig(
        control_plane,
        transition_seconds=0.4,
        accounts=ACCOUNTS,
        chart_values={**_scope(control_plane), "traces": traces},
        settings=FLEET_SETTINGS,
    ) as rig:
        yield rig
        assert CANARY not in rig.operator_log
        assert CANARY not in collector.text()
        assert rig.plane.audit.forbidden(user=rig.operator_user) == []


def _scope(plane: ControlPlane) -> Mapping[str, object]:
    """Return the chart's values for the scope of this run; its namespaces exist then."""
    if not NAMESPACED:
        return {}
    names = [f"{TENANT_PREFIX}{number}" for number in range(TENANTS)]
    items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in names]
    plane.kubectl("apply", "--filename=-", input=json.dumps(samples.as_list(items)))
    return {"watchNamespaces": names, "clusterId": "test"}


@pytest.fixture(scope="session")
def cluster_view(fleet: Rig) -> Iterator[ClusterView]:
    """Return an administrator's view of the fleet's cluster, from the start on."""
    with ClusterView(fleet.plane) as view:
        yield view


@pytest.fixture
def tenants(fleet: Rig, cluster_view: ClusterView) -> Iterator[TenantFactory]:
    """Return what makes namespaces with an account each; what is left in them goes at the end.

    At the end too: no version of any object contradicted itself, and the operator logged no bug.
    """
    made: list[Tenant] = []
    logged = len(fleet.operator_log)

    def make(*, bare: bool = False) -> Tenant:
        number = next(_numbers)
        tenant = Tenant(fleet, cluster_view, f"{TENANT_PREFIX}{number}", ACCOUNTS[number])
        fleet.create_namespace(tenant.namespace)
        if not bare:
            tenant.open()
        made.append(tenant)
        return tenant

    yield make
    fleet.cloud.clear_faults()
    for tenant in made:
        if NAMESPACED:  # the namespace would take the operator's Role along
            kinds, where = ",".join(KINDS), f"--namespace={tenant.namespace}"
            fleet.kubectl("delete", kinds, "--all", where, "--wait=false")
            continue
        fleet.kubectl("delete", "namespace", tenant.namespace, "--wait=false", "--ignore-not-found")
    assert [each for tenant in made for each in contradictions(tenant.versions())] == []
    assert [each for tenant in made for each in restless(tenant.versions())] == []
    lines = fleet.operator_log[logged:].splitlines()
    assert [line for line in lines if "Traceback" in line or "pass failed" in line] == []


@pytest.fixture
def tenant(tenants: TenantFactory) -> Tenant:
    """Return one namespace with an account, and an operator that serves it."""
    return tenants()
